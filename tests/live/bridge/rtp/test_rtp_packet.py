"""RTP and RTCP on the wire: what is written is read again, and what is cut off is an error."""

from __future__ import annotations

import pytest

from miso.live.bridge.rtp.capture_clock import CaptureClock
from miso.live.bridge.rtp.rtcp import KeyFrameRequest, SenderReport, read_rtcp
from miso.live.bridge.rtp.rtp_packet import RtpPacket, is_rtcp, read_rtp, unwrapped
from miso.live.errors import ParseError

aiortc_rtp = pytest.importorskip("aiortc.rtp", reason="aiortc is missing")

EXTENDED = bytes.fromhex("b2e0fffe 00000001 00000002 00000003 00000004 bede0001 10aa0000 61626300 00000004")
REPORT = SenderReport(0x01020304, 1_700_000_000.25, 0xFFFFFFF0, 10, 2_000)


def test_what_is_written_is_read_again_here_and_by_aiortc() -> None:
    packet = RtpPacket(111, 65_535, 0xFFFFFFFF, 0xFFFFFFFE, b"abc", True)
    assert read_rtp(packet.to_bytes()) == packet
    witness = aiortc_rtp.RtpPacket.parse(packet.to_bytes())
    assert (witness.payload_type, witness.sequence_number, witness.timestamp) == (111, 65_535, 0xFFFFFFFF)
    assert (witness.ssrc, witness.payload, witness.marker) == (0xFFFFFFFE, b"abc", 1)


def test_sources_extensions_and_padding_are_passed_over() -> None:
    assert read_rtp(EXTENDED) == RtpPacket(96, 0xFFFE, 1, 2, b"abc\0", marker=True)


@pytest.mark.parametrize("size", range(24))
def test_a_header_that_is_cut_off_is_an_error(size: int) -> None:
    with pytest.raises(ParseError):
        read_rtp(EXTENDED[:size])


def test_a_report_is_read_again_here_and_by_aiortc() -> None:
    data = REPORT.to_bytes("bridge")
    assert is_rtcp(data)
    assert not is_rtcp(EXTENDED)
    assert read_rtcp(data) == [REPORT]
    report, names = aiortc_rtp.RtcpPacket.parse(data)
    assert (report.ssrc, report.sender_info.rtp_timestamp) == (REPORT.ssrc, REPORT.timestamp)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (10, 2_000)
    assert names.chunks[0].items == [(1, b"bridge")]


def test_wishes_for_key_frames_are_heard() -> None:
    loss = aiortc_rtp.RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=7)
    intra = aiortc_rtp.RtcpPsfbPacket(fmt=4, ssrc=1, media_ssrc=0, fci=bytes.fromhex("0000000905000000"))
    remb = aiortc_rtp.RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=b"REMB" + bytes(8))
    assert read_rtcp(bytes(loss) + bytes(remb) + bytes(intra)) == [KeyFrameRequest(7), KeyFrameRequest(9)]


def test_reports_that_are_cut_off_are_errors() -> None:
    data = REPORT.to_bytes("x")
    for size in range(1, len(data)):
        if size != 28:
            with pytest.raises(ParseError):
                read_rtcp(data[:size])


@pytest.mark.parametrize(
    ("number", "near", "expected"), [(5, 65_530, 65_541), (65_530, 65_541, 65_530), (65_530, 2, -6), (9, 9, 9)]
)
def test_numbers_are_unwrapped_to_the_nearest(number: int, near: int, expected: int) -> None:
    assert unwrapped(number, near, 16) == expected


def test_streams_with_different_clocks_are_put_on_one_line() -> None:
    sound, picture = CaptureClock(48_000), CaptureClock(90_000)
    sound.report(SenderReport(1, 1_000.0, 0xFFFFFFFF))
    picture.report(SenderReport(2, 1_001.0, 500))
    assert sound.captured_ms(47_999) == 1_001_000
    assert picture.captured_ms(500 - 9_000) == 1_000_900
    assert sound.captured_ms(0xFFFFFFFF - 48_000) == 999_000


def test_without_reports_the_time_of_arrival_counts() -> None:
    clock = CaptureClock(90_000)
    assert not clock.is_known
    clock.assume(90_000, 10.0)
    assert clock.is_known
    assert clock.captured_ms(180_000) == 11_000
