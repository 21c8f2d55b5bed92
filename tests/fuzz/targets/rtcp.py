"""Compound RTCP packets from any peer that has the SRTCP keys, or from anyone on a plain transport."""

from miso.worker.rtcp.compound import build_compound, parse_compound, walk_compound
from miso.worker.rtcp.compound_reader import CompoundReader
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtcp.source import ApplicationDefined, Goodbye, SourceDescription
from tests.worker.rtcp.reading import parsed_members, read_members

SEEDS = [
    build_compound([SenderReport(1, 2 << 32, 3, 4, 5, (ReportBlock(6),)), SourceDescription(((1, "cname"),))]),
    build_compound([ReceiverReport(1, (ReportBlock(2), ReportBlock(3))), Goodbye((1,), "bye")]),
    build_compound([Nack(1, 2, (1, 2, 5, 30, 65535)), Pli(1, 2), Fir(1, 2, ((2, 1),)), Remb(1, 500_000, (2, 3))]),
    build_compound(
        [ExtendedReport(1, 7 << 32, (DelaySinceLastRr(1, 2, 3),)), ApplicationDefined(1, 2, "miso", b"1234")]
    ),
    bytes.fromhex("8fcd0006 00000001 00000002 000a0009 00000109 2003d280 01020300 0405ff00"),
    # damaged members between whole ones: REMB beyond 2^63, SDES without its zero, NACK without entries, a cut XR block
    Pli(1, 2).to_bytes() + bytes.fromhex("8fce0004 00000001 00000000 52454d42 00ffffff") + Pli(1, 2).to_bytes(),
    Pli(1, 2).to_bytes() + bytes.fromhex("81ca0002 00000001 01026162 81cd0002 00000001 00000457"),
    bytes.fromhex("80cf0002 00000001 040000ff") + ReceiverReport(1).to_bytes(),
]


WHOLE = Pli(0xFEEDBEEF, 0xDEADBEEF)
_reader = CompoundReader()


def run(data: bytes) -> None:
    """Returns or raises ParseError; what stands before it counts, and both readers find the same."""
    walked = list(walk_compound(WHOLE.to_bytes() + data))
    assert walked[0] == WHOLE
    assert read_members(_reader, data) == parsed_members(data)
    for packet in parse_compound(data):
        assert len(repr(packet)) < 1_000_000
