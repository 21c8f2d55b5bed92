"""RTCP that comes in on a transport, taken apart and given to the producers and consumers it is about.

What concerns SSRCs that are not on this transport is ignored: a peer can only speak of its own streams.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from miso.worker.errors import ParseError
from miso.worker.faults import attempt
from miso.worker.rtc.log_rate_limit import LogRateLimit
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtc.transport.outgoing_bandwidth import OutgoingBandwidth
from miso.worker.rtc.transport.rtp_listener import RtpListener
from miso.worker.rtc.transport.sent_streams import SentStreams
from miso.worker.rtcp.compound import Packet, walk_compound
from miso.worker.rtcp.extended import ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtcp.transport_wide import TransportWideFeedback

logger = logging.getLogger(__name__)


class RtcpReceiver:
    """Reads the RTCP of one transport.

    Attributes:
        id: Of the transport.
    """

    def __init__(
        self, transport_id: str, listener: RtpListener, sent: SentStreams, outgoing: OutgoingBandwidth
    ) -> None:
        """Gives what it reads to the streams that ``listener`` and ``sent`` know, and to ``outgoing``."""
        self.id = transport_id
        self._listener = listener
        self._sent = sent
        self._outgoing = outgoing
        self._malformed = LogRateLimit()
        self._handlers: dict[type, Callable[..., None]] = {
            SenderReport: self._on_sender_report,
            ReceiverReport: self._on_receiver_report,
            ExtendedReport: self._on_extended_report,
            Nack: self._on_nack,
            Pli: self._on_pli,
            Fir: self._on_fir,
            Remb: self._on_remb,
            TransportWideFeedback: self._on_transport_wide,
        }

    def receive(self, data: bytes, now_us: int) -> None:
        """Takes one compound packet; its malformed members are counted, and reported once a second."""
        for packet in walk_compound(data):
            if not isinstance(packet, ParseError):
                attempt(self, self._dispatch, packet, now_us)
            elif self._malformed.is_due(now_us):
                logger.warning("%d bad RTCP packets so far transport=%s: %s", self._malformed.count, self.id, packet)

    def _dispatch(self, packet: Packet, now_us: int) -> None:
        # SDES, BYE and APP tell nothing we act on.
        handler = self._handlers.get(type(packet))
        if handler is not None:
            handler(packet, now_us)

    def _stream(self, ssrc: int) -> ProducerStream | None:
        producer = self._listener.producer_of(ssrc)
        return producer.streams.get(ssrc) if producer is not None else None

    def _on_sender_report(self, report: SenderReport, now_us: int) -> None:
        producer = self._listener.producer_of(report.ssrc)
        if producer is not None:
            stream = producer.streams.get(report.ssrc)
            repaired = producer.streams_by_rtx.get(report.ssrc)
            if stream is not None:
                stream.on_sender_report(report, now_us)
            elif repaired is not None:
                repaired.on_rtx_sender_report(report, now_us)
        self._on_blocks(report.blocks, now_us)

    def _on_receiver_report(self, report: ReceiverReport, now_us: int) -> None:
        self._on_blocks(report.blocks, now_us)

    def _on_blocks(self, blocks: tuple[ReportBlock, ...], now_us: int) -> None:
        for block in blocks:
            stream = self._sent.get(block.ssrc)
            if stream is not None:
                attempt(stream, stream.on_receiver_report, block, now_us)

    def _on_extended_report(self, report: ExtendedReport, now_us: int) -> None:
        for entry in report.delays:
            stream = self._stream(entry.ssrc or report.ssrc)
            if stream is not None:
                stream.on_delay_since_last_rr(entry.last_rr, entry.delay)
        if report.reference_ntp is not None:
            self._sent.reference_time.take(report.reference_ntp, now_us)

    def _on_nack(self, nack: Nack, now_us: int) -> None:
        stream = self._sent.get(nack.media_ssrc)
        if stream is not None:
            stream.on_nack(nack.sequence_numbers, now_us)

    def _on_pli(self, pli: Pli, now_us: int) -> None:
        stream = self._sent.get(pli.media_ssrc)
        if stream is not None:
            stream.on_pli()

    def _on_fir(self, fir: Fir, now_us: int) -> None:
        for ssrc, _ in fir.entries:
            stream = self._sent.get(ssrc)
            if stream is not None:
                attempt(stream, stream.on_fir)

    def _on_remb(self, remb: Remb, now_us: int) -> None:
        self._outgoing.on_remb(remb.bitrate_bps)

    def _on_transport_wide(self, feedback: TransportWideFeedback, now_us: int) -> None:
        self._outgoing.on_transport_feedback(feedback.body, now_us)
