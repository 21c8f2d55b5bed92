"""A stream that a consumer sends, without its packets: what dumps and stats show of it.

Packets, the retransmission buffer and RTCP are the data plane's: ``miso.worker.dataplane.ConsumerPlane``
and its ``feedback``.
"""

from __future__ import annotations

import weakref
from typing import Protocol

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamStats
from miso.worker.channel.events import TraceValue
from miso.worker.dataplane import ConsumerPlane
from miso.worker.rtc.context import Context
from miso.worker.rtc.rtp_parameters import RtpEncoding
from miso.worker.rtc.streams.score import MAX_SCORE
from miso.worker.rtc.streams.stream_dump import stream_dump


class StreamConsumer(Protocol):
    """What a stream asks of its consumer."""

    id: str

    def request_repair(self, index: int) -> None:
        """Asks the sender for a key frame of what the consumer's stream ``index`` forwards: the picture is lost."""

    def emit_score(self) -> None:
        """Tells the controller the scores of now."""

    def trace_feedback(self, name: str, info: dict[str, TraceValue]) -> None:
        """The receiver sent a ``nack``, ``pli`` or ``fir``."""


class ConsumerStream:
    """What is sent with one SSRC (and its RTX SSRC) of a consumer.

    Attributes:
        consumer_id: Whose stream it is.
        plane: Its half in the data plane.
        index: Of its encoding in the consumer's RTP parameters.
        ssrc: Of what it sends; ``rtx_ssrc`` of its retransmissions, 0 without.
        feedback: What the receiver says of it, in the data plane.
    """

    __slots__ = (
        "__weakref__",
        "_cname",
        "_encoding",
        "_owner",
        "_scheduler",
        "_shown_layers",
        "consumer_id",
        "feedback",
        "index",
        "plane",
        "rtx_ssrc",
        "ssrc",
    )

    def __init__(
        self,
        context: Context,
        owner: StreamConsumer,
        plane: ConsumerPlane,
        encoding: RtpEncoding,
        index: int,
        *,
        cname: str,
        shown_layers: tuple[int, int],
    ) -> None:
        """Sends nothing yet.

        Args:
            context: What every object of the worker is given.
            owner: Its consumer.
            plane: Its half in the data plane.
            encoding: What was negotiated with the receiver.
            index: Of the encoding in the consumer's RTP parameters.
            cname: Under which the receiver knows it.
            shown_layers: The numbers of spatial and temporal layers that dumps show.
        """
        self.consumer_id = owner.id
        self.plane = plane
        self.index = index
        self.ssrc = plane.ssrc
        self.rtx_ssrc = plane.rtx_ssrc
        self.feedback = plane.feedback
        self.feedback.owner = self
        self._scheduler = context.scheduler
        self._owner: StreamConsumer = weakref.proxy(owner)  # whom it goes with, without a search for cycles
        self._encoding = encoding
        self._cname = cname
        self._shown_layers = shown_layers

    @property
    def id(self) -> str:
        """Of the consumer, for the log line of a fault."""
        return self.consumer_id

    @property
    def score(self) -> int:
        """How it fares by what the receiver reports, 0 to 10."""
        return self.feedback.score.value

    @property
    def fraction_lost(self) -> int:
        """Of the receiver's last interval, 0 to 255."""
        return self.feedback.fraction_lost

    # ------------------------------------------------------------ from the receiver's RTCP

    def on_feedback_traced(self, kind: str) -> None:
        """A ``nack``, ``pli`` or ``fir`` came while that is traced."""
        self._owner.trace_feedback(kind, {} if kind == "nack" else {"ssrc": self.ssrc})

    def on_key_frame_asked(self) -> None:
        """The receiver cannot decode the stream any more."""
        self._owner.request_repair(self.index)

    def on_score_changed(self) -> None:
        """By a report of the receiver's."""
        self._owner.emit_score()

    def begin_score(self) -> None:
        """Another stream is being forwarded: as good as new."""
        self.feedback.score.reset(MAX_SCORE)

    def leave_plane(self) -> None:
        """Sends nothing any more, for good."""
        self.feedback.owner = None
        self.plane.owner = None
        self.plane.close()

    # ------------------------------------------------------------ shown

    def dump(self) -> RtpStreamDump:
        """As ``consumer.dump`` shows it."""
        encoding = self._encoding
        return stream_dump(
            encoding,
            encoding_index=self.index,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc,
            rid="",
            cname=self._cname,
            score=self.score,
            layers=self._shown_layers,
        )

    def stats(self) -> RtpStreamStats:
        """As ``consumer.getStats`` shows it."""
        now_us = self._scheduler.now_us()
        plane, feedback = self.plane, self.feedback
        has_rtx = bool(self.rtx_ssrc)
        return RtpStreamStats(
            type="outbound-rtp",
            timestamp=now_us // 1000,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc or None,
            kind=self._encoding.codec.kind,
            mime_type=self._encoding.codec.mime_type,
            packets_lost=feedback.packets_lost,
            fraction_lost=feedback.fraction_lost,
            packets_discarded=0,
            packets_retransmitted=plane.packets_retransmitted,
            packets_repaired=plane.packets_repaired,
            nack_count=feedback.nack_count,
            nack_packet_count=feedback.nack_packet_count,
            pli_count=feedback.pli_count,
            fir_count=feedback.fir_count,
            score=self.score,
            packet_count=plane.packets,
            byte_count=plane.bytes,
            bitrate=plane.bitrate(now_us),
            rtx_packets_discarded=0 if has_rtx else None,
            round_trip_time=plane.rtt_ms or None,
        )
