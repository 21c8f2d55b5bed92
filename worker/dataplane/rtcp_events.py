"""What the plane tells control of RTCP that came in: on all else it acts itself."""

from __future__ import annotations

from typing import Protocol

from miso.worker.dataplane.owned import Owned


class RtcpOwner(Protocol):
    """Who answers for the RTCP of a transport."""

    def on_rtcp_malformed(self, event: RtcpMalformed) -> None:
        """A part of an RTCP packet makes no sense."""

    def on_sender_report(self, event: SenderReported, now_us: int) -> None:
        """The sender of a stream has reported."""

    def on_delay_reported(self, event: DelayReported) -> None:
        """The sender of a stream has echoed our reference time."""

    def on_reference_time(self, ntp: int, now_us: int) -> None:
        """The receiver has told its time."""

    def on_remb(self, bitrate_bps: int) -> None:
        """The receiver has told what it can get."""

    def on_estimate_changed(self) -> None:
        """What may be sent has changed, or is to be probed."""


class RtcpTransport(Protocol):
    """What the owner of a transport has for its RTCP."""

    @property
    def rtcp(self) -> RtcpOwner:
        """Who answers for it."""

    def on_rtcp_arrived(self) -> None:
        """Some came in, for the first time since it was asked for."""


class FeedbackOwner(Protocol):
    """What ``ReceiverFeedback.owner`` must answer to."""

    def on_feedback_traced(self, kind: str) -> None:
        """The receiver sent a ``nack``, ``pli`` or ``fir``."""

    def on_key_frame_asked(self) -> None:
        """The receiver wants a key frame."""

    def on_score_changed(self) -> None:
        """By the receiver's reports the stream fares better or worse."""


class RtcpArrived:
    """RTCP came in while ``TransportPlane.announce_rtcp`` was on, which is off now."""

    __slots__ = ("transport",)

    def __init__(self, transport: Owned[RtcpTransport]) -> None:
        self.transport = transport


class RtcpMalformed:
    """A member of a compound RTCP packet is malformed; at most one such event per transport and second.

    Attributes:
        count: How many were, so far.
        problem: What is wrong with this one.
    """

    __slots__ = ("count", "problem", "transport")

    def __init__(self, transport: Owned[RtcpTransport], count: int, problem: str) -> None:
        self.transport = transport
        self.count = count
        self.problem = problem


class SenderReported:
    """A sender report (RFC 3550 section 6.4.1) of an SSRC that the transport receives.

    Attributes:
        ntp: 64-bit NTP time at the sender, 0: it has no clock.
        rtp_timestamp: Of the same time.
    """

    __slots__ = ("ntp", "rtp_timestamp", "ssrc", "transport")

    def __init__(self, transport: Owned[RtcpTransport], ssrc: int, ntp: int, rtp_timestamp: int) -> None:
        self.transport = transport
        self.ssrc = ssrc
        self.ntp = ntp
        self.rtp_timestamp = rtp_timestamp


class DelayReported:
    """The sender of an SSRC that the transport receives has echoed our reference time (RFC 3611 section 4.5).

    Attributes:
        last_rr: Middle 32 bits of the time that it got from us last, 0: none.
        delay: How long ago that was, in 1/65536 s.
    """

    __slots__ = ("delay", "last_rr", "ssrc", "transport")

    def __init__(self, transport: Owned[RtcpTransport], ssrc: int, last_rr: int, delay: int) -> None:
        self.transport = transport
        self.ssrc = ssrc
        self.last_rr = last_rr
        self.delay = delay


class ReferenceTimeReported:
    """The receiver has told its time (RFC 3611 section 4.4), a 64-bit NTP timestamp."""

    __slots__ = ("ntp", "transport")

    def __init__(self, transport: Owned[RtcpTransport], ntp: int) -> None:
        self.transport = transport
        self.ntp = ntp


class RembReceived:
    """The receiver has told what it can get of all streams (draft-alvestrand-rmcat-remb-03), if ``takes_remb``."""

    __slots__ = ("bitrate_bps", "transport")

    def __init__(self, transport: Owned[RtcpTransport], bitrate_bps: int) -> None:
        self.transport = transport
        self.bitrate_bps = bitrate_bps


class EstimateChanged:
    """After transport-wide feedback: the estimate has left the range that control set, or probes are to be sent."""

    __slots__ = ("transport",)

    def __init__(self, transport: Owned[RtcpTransport]) -> None:
        self.transport = transport


class FeedbackTraced:
    """The receiver of a stream sent a ``nack``, ``pli`` or ``fir`` while that is traced."""

    __slots__ = ("feedback", "kind")

    def __init__(self, feedback: Owned[FeedbackOwner], kind: str) -> None:
        self.feedback = feedback
        self.kind = kind


class KeyFrameAsked:
    """The receiver of a stream wants a key frame; in a flood of such wishes only now and then one is told."""

    __slots__ = ("feedback",)

    def __init__(self, feedback: Owned[FeedbackOwner]) -> None:
        self.feedback = feedback


class ScoreChanged:
    """By the reports of its receiver a stream has another score."""

    __slots__ = ("feedback",)

    def __init__(self, feedback: Owned[FeedbackOwner]) -> None:
        self.feedback = feedback


RtcpEvent = (
    RtcpArrived
    | RtcpMalformed
    | SenderReported
    | DelayReported
    | ReferenceTimeReported
    | RembReceived
    | EstimateChanged
    | FeedbackTraced
    | KeyFrameAsked
    | ScoreChanged
)
