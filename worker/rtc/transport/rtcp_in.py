"""RTCP that comes in on a transport, taken apart and given to the producers and consumers it is about.

What concerns SSRCs that are not on this transport is ignored: a peer can only speak of its own streams.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from miso.worker.errors import ParseError
from miso.worker.faults import attempt
from miso.worker.rtcp.compound import Packet, walk_compound
from miso.worker.rtcp.extended import ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtcp.transport_wide import TransportWideFeedback

if TYPE_CHECKING:
    from miso.worker.rtc.producer.stream import ProducerStream
    from miso.worker.rtc.transport.transport import Transport

logger = logging.getLogger(__name__)

_COMPLAIN_EVERY_US = 1_000_000


class RtcpReceiver:
    """Reads the RTCP of one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._malformed = 0
        self._complained_us = 0
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
            if isinstance(packet, ParseError):
                self._complain(packet, now_us)
            else:
                attempt(self._transport, self._dispatch, packet, now_us)

    def _complain(self, error: ParseError, now_us: int) -> None:
        self._malformed += 1
        if now_us - self._complained_us >= _COMPLAIN_EVERY_US:
            self._complained_us = now_us
            logger.warning("%d bad RTCP packets transport=%s: %s", self._malformed, self._transport.id, error)
            self._malformed = 0

    def _dispatch(self, packet: Packet, now_us: int) -> None:
        # SDES, BYE and APP tell nothing we act on.
        handler = self._handlers.get(type(packet))
        if handler is not None:
            handler(packet, now_us)

    def _stream(self, ssrc: int) -> ProducerStream | None:
        producer = self._transport.listener.producer_of(ssrc)
        return producer.streams.get(ssrc) if producer is not None else None

    def _on_sender_report(self, report: SenderReport, now_us: int) -> None:
        producer = self._transport.listener.producer_of(report.ssrc)
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
            stream = self._transport.sent_by_ssrc.get(block.ssrc)
            if stream is not None:
                stream.on_receiver_report(block, now_us)

    def _on_extended_report(self, report: ExtendedReport, now_us: int) -> None:
        for entry in report.delays:
            stream = self._stream(entry.ssrc or report.ssrc)
            if stream is not None:
                stream.on_delay_since_last_rr(entry.last_rr, entry.delay)
        if report.reference_ntp is not None:
            for sent in self._transport.sent_by_ssrc.values():
                sent.on_reference_time(report.reference_ntp, now_us)

    def _on_nack(self, nack: Nack, now_us: int) -> None:
        stream = self._transport.sent_by_ssrc.get(nack.media_ssrc)
        if stream is not None:
            stream.on_nack(nack.sequence_numbers, now_us)

    def _on_pli(self, pli: Pli, now_us: int) -> None:
        stream = self._transport.sent_by_ssrc.get(pli.media_ssrc)
        if stream is not None:
            stream.on_pli()

    def _on_fir(self, fir: Fir, now_us: int) -> None:
        for ssrc, _ in fir.entries:
            stream = self._transport.sent_by_ssrc.get(ssrc)
            if stream is not None:
                stream.on_fir()

    def _on_remb(self, remb: Remb, now_us: int) -> None:
        self._transport.outgoing.on_remb(remb.bitrate_bps)

    def _on_transport_wide(self, feedback: TransportWideFeedback, now_us: int) -> None:
        self._transport.outgoing.on_transport_feedback(feedback.body, now_us)
