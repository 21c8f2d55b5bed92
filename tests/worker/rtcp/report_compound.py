"""The writer of compound packets as it was in Python: what the compiled one writes must be the same, byte by byte."""

from __future__ import annotations

from miso.worker.rtcp.compound import BuildablePacket, build_compound
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.reports import MAX_BLOCKS, ReportBlock, SenderReport, receiver_reports
from miso.worker.rtcp.source import SourceDescription

# Bytes; the parts of an extended report (RFC 3611) with its header, as if each had one of its own.
_MAX_SIZE = 1252  # MTU of 1500 without IPv6, UDP and SRTP's share
_SENDER_REPORT_SIZE = 28
_RECEIVER_REPORT_SIZE = 8
_BLOCK_SIZE = 24
_REFERENCE_TIME_SIZE = 8 + 12
_DELAY_SIZE = 8 + 4 + 12
_CHUNK_OVERHEAD = 12  # of an SDES chunk besides the CNAME, at most


class ReportCompound:
    """A compound packet in the making, within the size limit."""

    def __init__(self) -> None:
        self._senders: list[tuple[SenderReport, str, DelaySinceLastRr | None]] = []
        self._blocks: list[ReportBlock] = []
        self._reference_ntp: int | None = None
        self._size = 0

    def add_sender(self, report: SenderReport, cname: str, delay: DelaySinceLastRr | None) -> bool:
        """False when it does not fit any more."""
        size = _SENDER_REPORT_SIZE + len(cname.encode()) + _CHUNK_OVERHEAD + (_DELAY_SIZE if delay is not None else 0)
        if self._size and (self._size + size > _MAX_SIZE or len(self._senders) >= MAX_BLOCKS):
            return False
        self._size += size
        self._senders.append((report, cname, delay))
        return True

    def add_receiver(self, blocks: list[ReportBlock], reference_ntp: int) -> bool:
        """False when they do not fit any more."""
        size = _RECEIVER_REPORT_SIZE + _BLOCK_SIZE * len(blocks) + _REFERENCE_TIME_SIZE
        if self._size and (self._size + size > _MAX_SIZE or len(self._blocks) + len(blocks) > MAX_BLOCKS):
            return False
        self._size += size
        self._blocks.extend(blocks)
        self._reference_ntp = reference_ntp
        return True

    def to_bytes(self) -> bytes:
        """Empty when there is nothing to report."""
        packets: list[BuildablePacket] = [report for report, _, _ in self._senders]
        if self._blocks:
            packets.extend(receiver_reports(0, self._blocks))
        if self._senders:
            packets.append(SourceDescription(tuple((report.ssrc, cname) for report, cname, _ in self._senders)))
        delays = tuple(delay for _, _, delay in self._senders if delay is not None)
        if packets and (delays or self._reference_ntp is not None):
            ssrc = self._senders[0][0].ssrc if self._senders else 0
            packets.append(ExtendedReport(ssrc, self._reference_ntp, delays))
        return build_compound(packets)
