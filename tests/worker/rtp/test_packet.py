"""The header view: vectors, every cut, and extensions of both forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.errors import ParseError


def _packet(first: int = 0x80, extension: bytes = b"", payload: bytes = b"payload", csrcs: int = 0) -> bytes:
    fixed = bytes((first | csrcs, 0xE0)) + bytes.fromhex("1234 89abcdef fedcba98")
    return fixed + b"csrc" * csrcs + extension + payload


def _extension(profile: int, data: bytes) -> bytes:
    data += bytes(-len(data) & 3)
    return profile.to_bytes(2, "big") + (len(data) // 4).to_bytes(2, "big") + data


def _elements(header, data: bytes) -> dict[int, bytes]:
    return {
        header.element_ids[index]: data[
            header.element_offsets[index] : header.element_offsets[index] + header.element_sizes[index]
        ]
        for index in range(header.element_count)
    }


def test_reads_the_fixed_header(load) -> None:
    header = load("miso.worker.rtp.packet").parse_header(_packet())
    assert (header.marker, header.payload_type, header.sequence_number) == (True, 96, 0x1234)
    assert (header.timestamp, header.ssrc) == (0x89ABCDEF, 0xFEDCBA98)
    assert (header.payload_offset, header.payload_size, header.padding_size) == (12, 7, 0)
    assert not header.has_extension


def test_payload_lies_between_csrcs_extension_and_padding(load) -> None:
    data = _packet(0xB0, _extension(0x1234, b"12345678"), b"payload\0\0\3", csrcs=3)
    header = load("miso.worker.rtp.packet").parse_header(data)
    assert header.csrc_count == 3
    assert data[header.payload_offset : header.payload_offset + header.payload_size] == b"payload"
    assert (header.padding_size, header.extension_profile, header.extension_size) == (3, 0x1234, 8)
    assert data[header.extension_offset : header.extension_offset + 8] == b"12345678"
    assert header.element_count == 0


def test_one_byte_elements(load) -> None:
    data = _packet(0x90, _extension(0xBEDE, b"\x10\xaa\x00\x00\x2112\xe0\xbb"))
    header = load("miso.worker.rtp.packet").parse_header(data)
    assert _elements(header, data) == {1: b"\xaa", 2: b"12", 14: b"\xbb"}
    assert header.find_extension(14) == 2
    assert header.find_extension(3) == -1


def test_two_byte_elements(load) -> None:
    data = _packet(0x90, _extension(0x1005, b"\x01\x00\x00\x20\x12" + b"m" * 18 + b"\xff\x01z"))
    header = load("miso.worker.rtp.packet").parse_header(data)
    assert _elements(header, data) == {1: b"", 0x20: b"m" * 18, 0xFF: b"z"}


@pytest.mark.parametrize(
    ("profile", "body", "expected"),
    [
        (0xBEDE, b"\x10\xaa\xf0\x20\xbb", {1: b"\xaa"}),  # id 15 ends
        (0xBEDE, b"\x10\xaa\x2f\xbb", {1: b"\xaa"}),  # overruns
        (0xBEDE, b"\x10\xaa\x03\x20\xbb", {1: b"\xaa"}),  # id 0 with a length
        (0x1000, b"\x01\x01\xaa\x02", {1: b"\xaa"}),  # no length
        (0x1000, b"\x01\x01\xaa\x02\x09xyz", {1: b"\xaa"}),  # overruns
    ],
)
def test_broken_element_ends_the_list(load, profile: int, body: bytes, expected: dict[int, bytes]) -> None:
    data = _packet(0x90, profile.to_bytes(2, "big") + b"\0\2" + body.ljust(8, b"\0"))
    if len(body) % 4 == 0:
        data = _packet(0x90, _extension(profile, body))
    header = load("miso.worker.rtp.packet").parse_header(data)
    assert _elements(header, data) == expected
    assert header.payload_size == 7


def test_more_elements_than_anyone_negotiates_are_left_out(load) -> None:
    data = _packet(0x90, _extension(0x1000, b"".join(bytes((number, 1, number)) for number in range(1, 40))))
    assert load("miso.worker.rtp.packet").parse_header(data).element_count == 16


def test_view_is_filled_anew_for_each_packet(load) -> None:
    header = load("miso.worker.rtp.packet").RtpHeader()
    first = _packet(0x90, _extension(0xBEDE, b"\x10\xaa"))
    assert header.parse(first, len(first)) == 0
    second = _packet()
    assert header.parse(second, len(second)) == 0
    assert (header.element_count, header.has_extension, header.extension_profile) == (0, False, 0)


def test_every_truncation_of_the_header_is_refused(load) -> None:
    packet = load("miso.worker.rtp.packet")
    data = _packet(0x90, _extension(0xBEDE, b"\x10\xaa"), b"", csrcs=2)
    for size in range(len(data)):
        with pytest.raises(ParseError):
            packet.parse_header(data[:size])
    packet.parse_header(data)


@pytest.mark.parametrize("padding", [0, 8, 255])
def test_impossible_padding_is_refused(load, padding: int) -> None:
    with pytest.raises(ParseError, match="padding"):
        load("miso.worker.rtp.packet").parse_header(_packet(0xA0, payload=b"123456" + bytes((padding,))))


def test_packet_of_padding_only_has_no_payload(load) -> None:
    header = load("miso.worker.rtp.packet").parse_header(_packet(0xA0, payload=bytes(254) + b"\xff"))
    assert (header.payload_size, header.padding_size) == (0, 255)


def test_padding_bit_without_any_byte_is_refused(load) -> None:
    with pytest.raises(ParseError, match="padding"):
        load("miso.worker.rtp.packet").parse_header(_packet(0xA0, payload=b""))


@pytest.mark.parametrize("version", [0, 1, 3])
def test_other_versions_are_refused(load, version: int) -> None:
    with pytest.raises(ParseError, match="version"):
        load("miso.worker.rtp.packet").parse_header(_packet(version << 6))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "UNKNOWN"),
        (b"\x00\x01", "STUN"),
        (b"\x03", "STUN"),
        (b"\x04", "UNKNOWN"),
        (b"\x13", "UNKNOWN"),
        (b"\x14\xfe\xfd", "DTLS"),
        (b"\x3f", "DTLS"),
        (b"\x40", "UNKNOWN"),
        (b"\x7f", "UNKNOWN"),
        (b"\x80\x60" + bytes(10), "RTP"),
        (b"\xbf\xdf" + bytes(10), "RTCP"),
        (b"\x80\xc8" + bytes(6), "RTCP"),
        (b"\x80\xbf" + bytes(10), "RTP"),
        (b"\x80\xe0" + bytes(10), "RTP"),
        (b"\x80\x60" + bytes(9), "UNKNOWN"),
        (b"\x80\xc8" + bytes(5), "UNKNOWN"),
        (b"\xc0\x60" + bytes(10), "UNKNOWN"),
    ],
)
def test_tells_the_protocols_of_a_shared_port_apart(load, data: bytes, kind: str) -> None:
    packet = load("miso.worker.rtp.packet")
    assert packet.classify(data, len(data)) == packet.DatagramKind[kind]


@given(st.binary(max_size=200))
def test_whatever_parses_lies_within_the_packet(load, data: bytes) -> None:
    packet = load("miso.worker.rtp.packet")
    header = packet.RtpHeader()
    data = b"\x90\x60" + data
    if header.parse(data, len(data)) != 0:
        return
    assert 12 <= header.payload_offset <= len(data)
    assert header.payload_offset + header.payload_size + header.padding_size == len(data)
    end = header.extension_offset + header.extension_size
    assert end <= header.payload_offset
    for index in range(header.element_count):
        assert header.extension_offset < header.element_offsets[index]
        assert header.element_offsets[index] + header.element_sizes[index] <= end
