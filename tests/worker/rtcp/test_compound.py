"""Compound packets: bytes to objects and back, and every way of cutting them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.errors import ParseError
from miso.worker.rtcp.compound import BuildablePacket, build_compound, parse_compound
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport, receiver_reports
from miso.worker.rtcp.source import ApplicationDefined, Goodbye, SourceDescription

# A sender report with one block, then a CNAME: composed by hand after RFC 3550 sections 6.4.1 and 6.5.
SENDER_REPORT = bytes.fromhex(
    "81c8000c"
    "5d931534"  # SSRC
    "d4c6d2a1 80000000"  # NTP time
    "0001e240"  # RTP timestamp
    "0000000a 00000578"  # packets, octets
    "9f65e742"  # block: SSRC
    "40 fffffe"  # a quarter lost, -2 in total
    "0001fffe"  # cycle 1, sequence number 65534
    "00000011 d2a18000 00010000"  # jitter, last SR, one second since
)
CNAME = bytes.fromhex("81ca0003 5d931534 01 04") + b"miso" + bytes(2)

PACKETS: list[BuildablePacket] = [
    SenderReport(
        0x5D931534,
        0xD4C6D2A180000000,
        123456,
        10,
        1400,
        (ReportBlock(0x9F65E742, 64, -2, 0x1FFFE, 17, 0xD2A18000, 0x10000),),
    ),
    ReceiverReport(1),
    ReceiverReport(1, (ReportBlock(2), ReportBlock(3, 255, 0x7FFFFF, 0xFFFFFFFF, 4, 5, 6))),
    SourceDescription(((0x5D931534, "miso"), (7, "ü"), (8, ""))),
    Goodbye((1, 2)),
    Goodbye((1,), "teardown"),
    ApplicationDefined(3, 9, "miso", b"abcd"),
    Nack(1, 2, (65534, 65535, 0, 14, 15, 40)),
    Pli(1, 2),
    Fir(1, 0, ((2, 7), (3, 255))),
    Remb(1, 1 << 18, (2, 3)),
    ExtendedReport(1, reference_ntp=0xD4C6D2A180000000),
    ExtendedReport(1, delays=(DelaySinceLastRr(2, 3, 4), DelaySinceLastRr(5, 6, 7))),
]


def test_reads_sender_report_and_cname() -> None:
    assert parse_compound(SENDER_REPORT + CNAME) == [PACKETS[0], SourceDescription(((0x5D931534, "miso"),))]


def test_writes_sender_report_and_cname() -> None:
    assert build_compound([PACKETS[0], SourceDescription(((0x5D931534, "miso"),))]) == SENDER_REPORT + CNAME


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: type(packet).__name__)
def test_packet_survives_the_way_there_and_back(packet) -> None:
    assert parse_compound(packet.to_bytes()) == [packet]


def test_compound_keeps_its_order() -> None:
    assert parse_compound(build_compound(PACKETS)) == PACKETS


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: type(packet).__name__)
def test_every_truncation_is_refused(packet) -> None:
    data = packet.to_bytes()
    for size in range(len(data)):
        with pytest.raises(ParseError):
            parse_compound(data[:size])


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: type(packet).__name__)
def test_body_shorter_than_its_entries_is_refused_or_reads_less(packet) -> None:
    data = packet.to_bytes()
    for words in range(len(data) // 4 - 1):
        cut = data[:2] + words.to_bytes(2, "big") + data[4 : 4 + 4 * words]
        try:
            parsed = parse_compound(cut)
        except ParseError:
            continue
        assert parsed != [packet]


def test_skips_unknown_types_and_formats() -> None:
    unknown = bytes.fromhex("80d20000") + bytes.fromhex("9fcd0002 00000001 00000002")
    assert parse_compound(unknown + Pli(1, 2).to_bytes()) == [Pli(1, 2)]


def test_padding_of_the_last_packet_is_not_content() -> None:
    padded = bytearray(Goodbye((1,)).to_bytes() + bytes((0, 0, 0, 4)))
    padded[0] |= 0x20
    padded[3] = 2
    assert parse_compound(bytes(padded)) == [Goodbye((1,))]


@pytest.mark.parametrize("padding", [0, 9, 255])
def test_impossible_padding_is_refused(padding: int) -> None:
    with pytest.raises(ParseError, match=f"padding is {padding}"):
        parse_compound(bytes((0xA1, 203, 0, 2)) + bytes(7) + bytes((padding,)))


def test_wrong_version_is_refused() -> None:
    with pytest.raises(ParseError, match="version is 1"):
        parse_compound(b"\x41" + CNAME[1:])


def test_empty_packet_is_refused() -> None:
    with pytest.raises(ParseError):
        parse_compound(b"")


def test_number_of_packets_is_limited() -> None:
    assert len(parse_compound(ReceiverReport(1).to_bytes() * 128)) == 128
    with pytest.raises(ParseError, match="more than 128"):
        parse_compound(ReceiverReport(1).to_bytes() * 129)


def test_many_blocks_are_spread_over_reports() -> None:
    blocks = [ReportBlock(ssrc) for ssrc in range(70)]
    reports = receiver_reports(1, blocks)
    assert [len(report.blocks) for report in reports] == [31, 31, 8]
    assert [block for report in reports for block in report.blocks] == blocks
    assert receiver_reports(1, []) == [ReceiverReport(1)]


def test_total_lost_is_written_within_its_24_bits() -> None:
    def written(total_lost: int) -> int:
        (report,) = parse_compound(ReceiverReport(1, (ReportBlock(2, total_lost=total_lost),)).to_bytes())
        assert isinstance(report, ReceiverReport)
        return report.blocks[0].total_lost

    assert written(1 << 30) == 0x7FFFFF
    assert written(-(1 << 30)) == -0x800000


@given(st.lists(st.integers(0, 0xFFFF), unique=True, min_size=1, max_size=1024))
def test_nack_carries_any_set_of_numbers(numbers: list[int]) -> None:
    (nack,) = parse_compound(Nack(1, 2, tuple(numbers)).to_bytes())
    assert isinstance(nack, Nack)
    assert set(nack.sequence_numbers) >= set(numbers[:300])
    assert set(nack.sequence_numbers) <= set(numbers)


def test_nack_of_neighbours_is_one_entry() -> None:
    assert len(Nack(1, 2, tuple(range(100, 117))).to_bytes()) == 16
    assert len(Nack(1, 2, (100, 117)).to_bytes()) == 20


def test_nack_of_any_size_yields_a_bounded_list() -> None:
    packet = Nack(1, 2, tuple(range(0, 60000, 17))).to_bytes().replace(b"\0\0", b"\xff\xff")
    (nack,) = parse_compound(packet[:4] + bytes(8) + b"\0\1\xff\xff" * ((len(packet) - 12) // 4))
    assert isinstance(nack, Nack)
    assert len(nack.sequence_numbers) == 1024


@pytest.mark.parametrize(
    ("bitrate_bps", "written_bps"),
    [(0, 0), (262143, 262143), (262145, 262144), (2_500_000, 2_500_000), (10**12, 10**12)],
)
def test_remb_keeps_18_significant_bits(bitrate_bps: int, written_bps: int) -> None:
    (remb,) = parse_compound(Remb(1, bitrate_bps, (2,)).to_bytes())
    assert isinstance(remb, Remb)
    assert remb.bitrate_bps <= bitrate_bps
    assert abs(remb.bitrate_bps - written_bps) <= written_bps / 131072


def test_remb_beyond_any_bitrate_is_refused() -> None:
    data = bytearray(Remb(1, 1, ()).to_bytes())
    data[17:20] = b"\xff\xff\xff"
    with pytest.raises(ParseError, match="bitrate"):
        parse_compound(bytes(data))


def test_application_feedback_of_others_is_skipped() -> None:
    assert parse_compound(bytes.fromhex("8fce0003 00000001 00000000 474f4f47")) == []


def test_extended_report_skips_other_blocks() -> None:
    other = bytes.fromhex("07000001 00000000")  # VoIP metrics, cut short: not ours to judge
    data = bytearray(ExtendedReport(1, reference_ntp=5).to_bytes() + other)
    data[3] += 2
    assert parse_compound(bytes(data)) == [ExtendedReport(1, reference_ntp=5)]
