"""What RTCP tells control: the plane has read it, and has acted on all that it can (``dataplane/transport/``)."""

from __future__ import annotations

import logging

from miso.worker.dataplane import DelayReported, RtcpMalformed, SenderReported
from miso.worker.rtc.transport.outgoing_bandwidth import OutgoingBandwidth
from miso.worker.rtc.transport.rtp_listener import RtpListener
from miso.worker.rtcp.echo_clock import EchoClock

logger = logging.getLogger(__name__)


class RtcpReceiver:
    """Takes what the peer of one transport tells of the streams that it sends, and of what it can get.

    Attributes:
        id: Of the transport.
    """

    def __init__(
        self, transport_id: str, listener: RtpListener, reference_time: EchoClock, outgoing: OutgoingBandwidth
    ) -> None:
        """Gives what is told to the streams that ``listener`` knows, to ``reference_time`` and to ``outgoing``."""
        self.id = transport_id
        self._listener = listener
        self._reference_time = reference_time
        self._outgoing = outgoing

    def on_rtcp_malformed(self, event: RtcpMalformed) -> None:
        """A part of a packet makes no sense; comes once a second at most."""
        logger.warning("%d bad RTCP packets so far transport=%s: %s", event.count, self.id, event.problem)

    def on_sender_report(self, event: SenderReported, now_us: int) -> None:
        """The sender reported on a stream, or on the retransmissions of one."""
        producer = self._listener.producer_of(event.ssrc)
        if producer is None:
            return
        stream = producer.streams.get(event.ssrc)
        repaired = producer.streams_by_rtx.get(event.ssrc)
        if stream is not None:
            stream.on_sender_report(event, now_us)
        elif repaired is not None:
            repaired.on_rtx_sender_report(event, now_us)

    def on_delay_reported(self, event: DelayReported) -> None:
        """The sender has echoed the time that we told it."""
        producer = self._listener.producer_of(event.ssrc)
        stream = producer.streams.get(event.ssrc) if producer is not None else None
        if stream is not None:
            stream.on_delay_since_last_rr(event.last_rr, event.delay)

    def on_reference_time(self, ntp: int, now_us: int) -> None:
        """The receiver has told its time, which is to be echoed."""
        self._reference_time.take(ntp, now_us)

    def on_remb(self, bitrate_bps: int) -> None:
        """The receiver has told what it can get."""
        self._outgoing.on_remb(bitrate_bps)

    def on_estimate_changed(self) -> None:
        """By the receiver's transport-wide feedback."""
        self._outgoing.on_estimate_changed()
