"""Compound RTCP packets from any peer that has the SRTCP keys, or from anyone on a plain transport."""

from worker.rtcp.compound import build_compound, parse_compound
from worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from worker.rtcp.feedback import Fir, Nack, Pli, Remb
from worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from worker.rtcp.source import ApplicationDefined, Goodbye, SourceDescription

SEEDS = [
    build_compound([SenderReport(1, 2 << 32, 3, 4, 5, (ReportBlock(6),)), SourceDescription(((1, "cname"),))]),
    build_compound([ReceiverReport(1, (ReportBlock(2), ReportBlock(3))), Goodbye((1,), "bye")]),
    build_compound([Nack(1, 2, (1, 2, 5, 30, 65535)), Pli(1, 2), Fir(1, 2, ((2, 1),)), Remb(1, 500_000, (2, 3))]),
    build_compound(
        [ExtendedReport(1, 7 << 32, (DelaySinceLastRr(1, 2, 3),)), ApplicationDefined(1, 2, "miso", b"1234")]
    ),
    bytes.fromhex("8fcd0006 00000001 00000002 000a0009 00000109 2003d280 01020300 0405ff00"),
]


def run(data: bytes) -> None:
    """Returns or raises ParseError; what was read can be asked for its numbers."""
    for packet in parse_compound(data):
        assert len(repr(packet)) < 1_000_000
