"""The plane's reader of RTCP, interpreted and compiled: it finds what the other one does, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.rtcp.compound import build_compound
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtcp.source import ApplicationDefined, Goodbye, SourceDescription
from tests.modes import MODES
from tests.modes import load as load_in_mode
from tests.worker.rtcp.reading import parsed_members, read_members

NAME = "miso.worker.rtcp.compound_reader"
TRANSPORT_WIDE = bytes.fromhex("8fcd0006 00000001 00000002 000a0009 00000109 2003d280 01020300 0405ff00")
BLOCK = ReportBlock(0xFFFFFFFF, 255, -8388608, 0xFFFFFFFF, 1, 0x89ABCDEF, 0xFEDCBA98)
MEMBERS = [
    SenderReport(1, (0xFEDCBA98 << 32) | 7, 0xFFFFFFFF, 4, 5, (BLOCK,)).to_bytes(),
    ReceiverReport(1, (BLOCK, ReportBlock(3, total_lost=8388607))).to_bytes(),
    SourceDescription(((1, "cname"), (2, ""))).to_bytes(),
    Goodbye((1, 2), "bye").to_bytes(),
    ApplicationDefined(1, 2, "miso", b"1234").to_bytes(),
    ExtendedReport(0xFFFFFFFF, 0xFEDCBA98 << 32, (DelaySinceLastRr(1, 2, 3), DelaySinceLastRr(0, 5, 6))).to_bytes(),
    Nack(1, 0x80000001, (1, 2, 5, 17, 30, 65535, 0)).to_bytes(),
    Pli(1, 0xFFFFFFFF).to_bytes(),
    Fir(1, 2, ((0xFFFFFFFF, 1), (3, 2))).to_bytes(),
    Remb(1, (1 << 63) - 1, (2, 3)).to_bytes(),
    Remb(1, 0, ()).to_bytes(),
    TRANSPORT_WIDE,
    bytes.fromhex("a1ce0003 00000001 00000002 00000004"),  # PLI with padding
    bytes.fromhex("8fce0004 00000001 00000000 52454d42 00ffffff"),  # beyond 2^63
    bytes.fromhex("8fce0003 00000001 00000000 41424344"),  # an application's own
    bytes.fromhex("80d00000"),  # a type that nobody knows
]


@pytest.fixture
def reader(load: Callable[[str], ModuleType]) -> Any:
    return load(NAME).CompoundReader()


@pytest.mark.parametrize("member", MEMBERS, ids=range(len(MEMBERS)))
def test_reads_each_member_as_the_other_reader_does(reader: Any, member: bytes) -> None:
    assert read_members(reader, member) == parsed_members(member)


def test_finds_a_mistake_in_what_both_agree_on(reader: Any) -> None:
    """The comparison is worth something: both read these."""
    assert read_members(reader, MEMBERS[6]) == [("nack", 0x80000001, [1, 2, 5, 17, 30, 65535, 0])]
    assert read_members(reader, MEMBERS[1])[0][2] == [
        (0xFFFFFFFF, 255, -8388608, 0x89ABCDEF, 0xFEDCBA98),
        (3, 0, 8388607, 0, 0),
    ]


def test_a_cut_packet_is_read_as_far_as_it_goes(reader: Any) -> None:
    compound = b"".join(MEMBERS)
    for size in range(len(compound)):
        assert read_members(reader, compound[:size]) == parsed_members(compound[:size])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "RTCP packet is empty"),
        (b"\x80\xc9\x00", "RTCP header is cut: have 3 bytes, need 4"),
        (bytes.fromhex("40c90000"), "RTCP version is 1, expected 2"),
        (bytes.fromhex("80c90001"), "RTCP packet overruns the data: have 4 bytes, need 8"),
        (bytes.fromhex("a0c90001 00000009"), "RTCP padding is 9, expected 1 to 4"),
        (bytes.fromhex("81c90001 00000009"), "RTCP receiver report is cut: have 4 bytes, need 28"),
        (bytes.fromhex("81cd0002 00000001 00000002"), "RTCP NACK is cut: have 8 bytes, need 12"),
        (MEMBERS[13], "RTCP REMB bitrate has the exponent 63, expected less than 2^63 bit/s"),
    ],
)
def test_says_what_is_wrong(reader: Any, data: bytes, text: str) -> None:
    reader.begin()
    assert reader.next(data, len(data)) == 1
    assert reader.explain() == text
    assert reader.next(data, len(data)) == 0


def test_reads_no_more_than_128_members_and_1024_numbers(reader: Any) -> None:
    many = build_compound([Pli(1, 2)] * 129)
    assert read_members(reader, many) == [("pli", 2)] * 128 + [("malformed",)] == parsed_members(many)
    [(_, _, numbers)] = read_members(reader, Nack(1, 2, tuple(range(2000))).to_bytes())
    assert numbers == list(range(1024))


@given(st.data())
def test_whatever_is_changed_both_readers_find_the_same(data: st.DataObject) -> None:
    compound = bytearray(b"".join(data.draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=6))))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(compound) - 1), st.integers(0, 255)), max_size=8)):
        compound[at] = value
    mutated = bytes(compound[: data.draw(st.integers(0, len(compound)))])
    expected = parsed_members(mutated)
    for mode in MODES:
        assert read_members(load_in_mode(NAME, mode).CompoundReader(), mutated) == expected
