"""How fast the sender may send: transport-wide feedback or REMB to it, and the limit the controller sets.

A sender that negotiated transport-wide congestion control estimates by itself and is told what arrived when (every
100 ms); one that negotiated abs-send-time with REMB is told our estimate. ``max_bps`` caps the estimate, or is told
by REMB beside the feedback, as mediasoup does: browsers heed both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from miso.worker.dataplane import TransportPlane
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Scheduler
from miso.worker.rtc.extension_uris import ABS_SEND_TIME_URI, TRANSPORT_WIDE_CC_URI
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.rtp_parameters import RtpParameters
from miso.worker.rtcp.feedback import MAX_REMB_SSRCS, Remb
from miso.worker.rtcp.transport_wide import parse_transport_wide

_INTERVAL_US = 100_000
_IDLE_INTERVAL_US = 500_000  # when nothing comes in, a look now and then is enough
_IDLE_AFTER_US = 3_000_000
_LIMIT_EVERY_US = 1_500_000
_LOSS_REPORTS = 24  # make the loss that is shown, the latest weighs most
_RTCP_HEADER_SIZE = 4  # bytes
_UNLIMITED_REMBS = 4  # how often a lifted limit is told: any of them may be lost


class IncomingBandwidth:
    """Speaks to the sender of one transport.

    Attributes:
        id: Of the transport.
        max_bps: The controller's limit, 0 for none.
        available_bps: The latest REMB estimate, 0 before the first and with transport-wide feedback.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        transport_id: str,
        plane: TransportPlane,
        producers: Mapping[str, Producer],
        send_rtcp: Callable[[bytes], None],
    ) -> None:
        """Says nothing until a producer wants feedback, and ``set_active``.

        Args:
            scheduler: Time.
            transport_id: Of the transport.
            plane: The transport's half in the data plane.
            producers: Those of the transport, as they come and go.
            send_rtcp: Sends a compound RTCP packet to the sender.
        """
        self.id = transport_id
        self.max_bps = 0
        self.available_bps = 0
        self._scheduler = scheduler
        self._plane = plane
        self._producers = producers
        self._send_rtcp = send_rtcp
        self._kind = ""  # of feedback: transport-cc or remb; empty before a producer wants either
        self._active = False
        self._timer = Alarm(scheduler, self._on_timer)
        self._limit_told_us = -_LIMIT_EVERY_US
        self._unlimited_left = 0  # so often a lifted limit is still to be told
        self._losses: deque[float] = deque(maxlen=_LOSS_REPORTS)
        self._seen_bytes = 0
        self._seen_us = 0

    @property
    def fraction_lost(self) -> float | None:
        """Of the packets, 0.0 to 1.0, as our transport-wide feedback told it; None for a sender without feedback."""
        if not self._kind:
            return None
        if not self._losses:
            return 0.0
        weighted = sum(weight * loss for weight, loss in enumerate(self._losses, 1))
        return weighted / (len(self._losses) * (len(self._losses) + 1) / 2)

    def consider(self, parameters: RtpParameters) -> None:
        """A producer came: the first whose sender understands one kind of feedback decides for the transport."""
        if self._kind:
            return
        ids = parameters.extension_ids
        if TRANSPORT_WIDE_CC_URI in ids and parameters.has_feedback("transport-cc"):
            self._kind = "transport-cc"
            self._plane.feedback.enable_transport_wide(True)
        elif ABS_SEND_TIME_URI in ids and parameters.has_feedback("goog-remb"):
            self._kind = "remb"
            self._plane.feedback.enable_remb(True)
        self.set_active(self._active)

    def set_max(self, bitrate_bps: int) -> None:
        """Limits the sender to so many bit/s, 0 lifts the limit."""
        if self._kind == "transport-cc" and self.max_bps and not bitrate_bps:
            self._unlimited_left = _UNLIMITED_REMBS
            self._limit_told_us = self._scheduler.now_us() - _LIMIT_EVERY_US
        elif bitrate_bps:
            self._unlimited_left = 0
        self.max_bps = bitrate_bps

    def set_active(self, active: bool) -> None:
        """Whether there is a sender that can be spoken to."""
        self._active = active
        if not active or not self._kind:
            self._timer.stop()
        elif not self._timer.is_set:
            self._seen_us = self._scheduler.now_us()
            self._timer.set(_INTERVAL_US)

    def close(self) -> None:
        """Says nothing any more."""
        self.set_active(False)

    def _on_timer(self) -> None:
        now_us = self._scheduler.now_us()
        self._timer.set(self._next_interval_us(now_us))
        if self._kind == "transport-cc":
            for packet in self._plane.feedback.poll_transport_wide(now_us, 0):
                self._send_rtcp(packet)
                self._losses.append(parse_transport_wide(packet[_RTCP_HEADER_SIZE:]).fraction_lost)
        else:
            self._poll_remb(now_us)
        self._tell_limit(now_us)

    def _next_interval_us(self, now_us: int) -> int:
        received = self._plane.rtp_received.bytes
        if received != self._seen_bytes:
            self._seen_bytes, self._seen_us = received, now_us
        return _INTERVAL_US if now_us - self._seen_us < _IDLE_AFTER_US else _IDLE_INTERVAL_US

    def _poll_remb(self, now_us: int) -> None:
        estimate_bps = self._plane.feedback.poll_remb(now_us)
        if estimate_bps is None:
            return
        self.available_bps = estimate_bps
        told_bps = min(estimate_bps, self.max_bps) if self.max_bps else estimate_bps
        ssrcs = [ssrc for producer in self._producers.values() for ssrc in producer.streams]
        self._send_rtcp(Remb(0, told_bps, tuple(ssrcs[:MAX_REMB_SSRCS])).to_bytes())

    def _tell_limit(self, now_us: int) -> None:
        limited = self._kind == "transport-cc" and self.max_bps > 0
        if not limited and not self._unlimited_left:
            return
        if now_us - self._limit_told_us < _LIMIT_EVERY_US:
            return
        self._limit_told_us = now_us
        self._unlimited_left = max(self._unlimited_left - 1, 0)
        self._send_rtcp(Remb(0, self.max_bps, ()).to_bytes())
