"""How fast the sender may send: transport-wide feedback or REMB to it, and the limit the controller sets.

A sender that negotiated transport-wide congestion control estimates by itself and is told what arrived when (by the
plane, every 100 ms); one that negotiated abs-send-time with REMB is told our estimate. ``max_bps`` caps the estimate,
or is told by REMB beside the feedback, as mediasoup does: browsers heed both.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Protocol

from miso.worker.dataplane import IncomingTurn, TransportPlane
from miso.worker.rtc.context import Context
from miso.worker.rtc.extension_uris import ABS_SEND_TIME_URI, TRANSPORT_WIDE_CC_URI
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.rtp_parameters import RtpParameters
from miso.worker.rtcp.feedback import MAX_REMB_SSRCS, Remb

_FIRST_AFTER_US = 50_000  # at the tick that is nearest to 100 ms
_UNLIMITED_REMBS = 4  # how often a lifted limit is told: any of them may be lost


class SendersTransport(Protocol):
    """What it asks of its transport."""

    id: str
    is_direct: bool
    plane: TransportPlane

    @property
    def producers(self) -> Mapping[str, Producer]:
        """Those of the transport, as they come and go."""

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a compound RTCP packet to the sender."""


class IncomingBandwidth:
    """Speaks to the sender of one transport.

    Attributes:
        id: Of the transport.
        max_bps: The controller's limit, 0 for none.
        available_bps: The latest REMB estimate, 0 before the first and with transport-wide feedback.
    """

    def __init__(self, context: Context, transport: SendersTransport) -> None:
        """Says nothing until a producer wants feedback, and ``set_active``."""
        self.id = transport.id
        self.max_bps = 0
        self.available_bps = 0
        self._scheduler = context.scheduler
        self._rounds = context.rounds
        self._transport: SendersTransport = weakref.proxy(transport)  # whom it goes with, without a search for cycles
        self._kind = ""  # of feedback: transport-cc or remb; empty before a producer wants either
        self._active = False
        self._turn = IncomingTurn(transport.plane, is_direct=transport.is_direct)
        self._turn.owner = self
        self._unlimited_left = 0  # so often a lifted limit is still to be told

    @property
    def fraction_lost(self) -> float | None:
        """Of the packets, 0.0 to 1.0, as our transport-wide feedback told it; None for a sender without feedback."""
        return self._turn.fraction_lost if self._kind else None

    def consider(self, parameters: RtpParameters) -> None:
        """A producer came: the first whose sender understands one kind of feedback decides for the transport."""
        if self._kind:
            return
        ids = parameters.extensions.ids
        if TRANSPORT_WIDE_CC_URI in ids and "transport-cc" in parameters.codecs.feedback_types:
            self._kind = "transport-cc"
            self._transport.plane.feedback.enable_transport_wide(True)
        elif ABS_SEND_TIME_URI in ids and "goog-remb" in parameters.codecs.feedback_types:
            self._kind = "remb"
            self._transport.plane.feedback.enable_remb(True)
        self._watch_limit()
        self.set_active(self._active)

    def set_max(self, bitrate_bps: int) -> None:
        """Limits the sender to so many bit/s, 0 lifts the limit."""
        if self._kind == "transport-cc" and self.max_bps and not bitrate_bps:
            self._unlimited_left = _UNLIMITED_REMBS
            self._turn.limit_due_us = self._scheduler.now_us()
        elif bitrate_bps:
            self._unlimited_left = 0
        self.max_bps = bitrate_bps
        self._watch_limit()

    def set_active(self, active: bool) -> None:
        """Whether there is a sender that can be spoken to."""
        self._active = active
        if not active or not self._kind:
            if self._turn.due_us >= 0:
                self._rounds.stop(self._turn)
        elif self._turn.due_us < 0:
            self._turn.expect_media(self._scheduler.now_us())
            self._rounds.set(self._turn, _FIRST_AFTER_US)

    def close(self) -> None:
        """Says nothing any more."""
        self.set_active(False)
        self._turn.owner = None

    # ------------------------------------------------------------ from the plane

    def on_remb_due(self, estimate_bps: int) -> None:
        """The sender is to be told what the way to us carries."""
        self.available_bps = estimate_bps
        told_bps = min(estimate_bps, self.max_bps) if self.max_bps else estimate_bps
        ssrcs = [ssrc for producer in self._transport.producers.values() for ssrc in producer.streams]
        self._transport.send_rtcp(Remb(0, told_bps, tuple(ssrcs[:MAX_REMB_SSRCS])).to_bytes())

    def on_limit_due(self) -> None:
        """The sender is to be told the controller's limit, beside transport-wide feedback."""
        self._unlimited_left = max(self._unlimited_left - 1, 0)
        self._watch_limit()
        self._transport.send_rtcp(Remb(0, self.max_bps, ()).to_bytes())

    def _watch_limit(self) -> None:
        """Whether there is a limit to be told, or one that was lifted."""
        if self._kind != "transport-cc" or not (self.max_bps or self._unlimited_left):
            self._turn.limit_due_us = -1
        elif self._turn.limit_due_us < 0:
            self._turn.limit_due_us = self._scheduler.now_us()
