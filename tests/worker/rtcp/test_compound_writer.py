"""Compounds of reports: the compiled writer writes what one in Python does, byte by byte, cut at the same place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.rtcp.compound import parse_compound
from miso.worker.rtcp.compound_writer import CompoundWriter
from miso.worker.rtcp.extended import DelaySinceLastRr
from miso.worker.rtcp.reports import ReportBlock, SenderReport
from tests.worker.rtcp.report_compound import ReportCompound

MAX_SIZE = 1252
U32, U64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
BLOCKS = st.builds(ReportBlock, U32, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), U32, U32, U32, U32)
CNAMES = st.text(max_size=60).filter(lambda text: len(text.encode()) <= 255)
SENDERS = st.tuples(st.builds(SenderReport, U32, U64, U32, U32, U32), CNAMES, st.none() | st.tuples(U32, U32))
RECEIVERS = st.tuples(st.lists(BLOCKS, min_size=1, max_size=31), U64)


class Both:
    """Both writers, fed with the same reports."""

    def __init__(self) -> None:
        self.compiled = CompoundWriter()
        self.witness = ReportCompound()
        self.packets: list[bytes] = []

    def add_sender(self, report: SenderReport, cname: str, echo: tuple[int, int] | None) -> None:
        if not self._add_sender(report, cname, echo):
            self.flush()
            assert self._add_sender(report, cname, echo)

    def add_receiver(self, blocks: list[ReportBlock], ntp: int) -> None:
        if not self._add_receiver(blocks, ntp):
            self.flush()
            assert self._add_receiver(blocks, ntp)

    def _add_sender(self, report: SenderReport, cname: str, echo: tuple[int, int] | None) -> bool:
        last_rr, delay = echo or (None, 0)
        numbers = (report.ssrc, report.ntp, report.rtp_timestamp, report.packet_count, report.octet_count)
        fits = self.compiled.put_sender(*numbers, cname.encode(), last_rr, delay)
        echoed = DelaySinceLastRr(report.ssrc, *echo) if echo else None
        assert self.witness.add_sender(report, cname, echoed) == fits
        return fits

    def _add_receiver(self, blocks: list[ReportBlock], ntp: int) -> bool:
        fields = [tuple(getattr(block, name) for name in ReportBlock.__slots__) for block in blocks]
        fits = self.compiled.put_blocks(fields, ntp)
        assert self.witness.add_receiver(blocks, ntp) == fits
        return fits

    def flush(self) -> None:
        packet = self.compiled.take()
        assert packet == self.witness.to_bytes()
        assert len(packet) <= MAX_SIZE
        if packet:
            parse_compound(packet)
            self.packets.append(packet)
        self.witness = ReportCompound()


@given(st.lists(SENDERS, max_size=70), st.lists(RECEIVERS, max_size=8))
def test_what_is_written_is_what_the_writer_in_python_wrote(
    senders: list[tuple[SenderReport, str, tuple[int, int] | None]], receivers: list[tuple[list[ReportBlock], int]]
) -> None:
    both = Both()
    for sender in senders:
        both.add_sender(*sender)
    for receiver in receivers:
        both.add_receiver(*receiver)
    both.flush()
    both.flush()  # it has begun anew


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 254, 255])
@pytest.mark.parametrize("echo", [None, (1, 2)])
def test_names_of_any_length_end_with_a_zero(size: int, echo: tuple[int, int] | None) -> None:
    both = Both()
    for ssrc in range(40):
        both.add_sender(SenderReport(ssrc, 1 << 63, 2, 3, 4), "x" * size, echo)
    both.flush()
    assert len(both.packets) >= 2


def test_nothing_to_report_makes_no_packet() -> None:
    assert CompoundWriter().take() == b""


def test_what_no_packet_can_carry_is_refused() -> None:
    writer = CompoundWriter()
    with pytest.raises(ValueError, match="CNAME has 256 bytes"):
        writer.put_sender(1, 2, 3, 4, 5, bytes(256), None, 0)
    with pytest.raises(ValueError, match="32 report blocks"):
        writer.put_blocks([(0,) * 7] * 32, 0)
    assert writer.take() == b""
