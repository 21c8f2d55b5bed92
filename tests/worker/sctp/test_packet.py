"""The packet, its checksum, the control chunks and the cookie: vectors, round trips, truncations."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.errors import ParseError
from miso.worker.sctp.handshake.cookie import Cookie, Peer
from miso.worker.sctp.wire.chunks import Init, chunk, error_chunk, parse_causes, parse_tsn, shutdown_chunk
from miso.worker.sctp.wire.constants import Cause, ChunkType, ParameterType
from miso.worker.sctp.wire.parameters import Parameter, parse_parameters

Load = Callable[[str], ModuleType]

# An INIT as a browser's first packet has it: ports 5000, tag 0, 1024 streams each way, FORWARD-TSN and RE-CONFIG.
INIT_PACKET = bytes.fromhex(
    "1388138800000000cf2e9de70100002445a1f00d00020000040004002fd5a2c1c000000480080009c0820140c2000000"
)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksum_of_the_known_vectors(load: Load, data: bytes, checksum: int) -> None:
    """The catalogue's check value and the vectors of RFC 3720 appendix B.4."""
    assert load("miso.worker.sctp.wire.checksum").crc32c(data) == checksum


def test_reads_an_init_and_writes_the_same_bytes(load: Load) -> None:
    module = load("miso.worker.sctp.wire.packet")
    checksum = load("miso.worker.sctp.wire.checksum").packet_checksum(INIT_PACKET).to_bytes(4, "little")
    data = INIT_PACKET[:8] + checksum + INIT_PACKET[12:]
    packet = module.parse_packet(data)
    assert (packet.source_port, packet.destination_port, packet.tag) == (5000, 5000, 0)
    ((type_, flags, offset, end),) = packet.chunks
    assert (type_, flags) == (ChunkType.INIT, 0)
    init = Init.parse(data, offset, end)
    assert (init.tag, init.a_rwnd, init.outbound_streams, init.inbound_streams) == (0x45A1F00D, 131072, 1024, 1024)
    assert init.initial_tsn == 0x2FD5A2C1
    assert init.extensions == {0xC0, 0x82, 0x01, 0x40, 0xC2}
    assert init.parameter(ParameterType.FORWARD_TSN_SUPPORTED) == b""
    assert module.build_packet(5000, 5000, 0, [init.to_bytes(ChunkType.INIT)]) == data


def test_every_truncation_and_every_changed_byte_is_refused(load: Load) -> None:
    module = load("miso.worker.sctp.wire.packet")
    data = module.build_packet(1, 2, 3, [shutdown_chunk(4), chunk(ChunkType.COOKIE_ACK)])
    assert [place[0] for place in module.parse_packet(data).chunks] == [ChunkType.SHUTDOWN, ChunkType.COOKIE_ACK]
    for position in range(len(data)):
        with pytest.raises(ParseError):
            module.parse_packet(data[:position])
        with pytest.raises(ParseError):
            module.parse_packet(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        ([b"\x00\x00\x00\x03"], "length is 3"),
        ([b"\x00\x00\x00\x09abcd"], "overruns"),
        ([b"\x00\x00\x00\x04\x00\x00"], "header overruns"),
        ([b"\x0b\x00\x00\x04"] * 513, "more than 512"),
    ],
)
def test_chunks_that_do_not_fit_are_refused(load: Load, chunks: list[bytes], text: str) -> None:
    module = load("miso.worker.sctp.wire.packet")
    with pytest.raises(ParseError, match=text):
        module.parse_packet(module.build_packet(1, 2, 3, chunks))


def test_a_last_chunk_without_its_padding_is_taken(load: Load) -> None:
    module = load("miso.worker.sctp.wire.packet")
    packet = module.parse_packet(module.build_packet(1, 2, 3, [b"\x04\x00\x00\x05a"]))
    assert packet.chunks == [(4, 0, 16, 17)]


def test_parameters_that_never_end_are_refused() -> None:
    with pytest.raises(ParseError, match="length is 0"):
        parse_parameters(b"\x00\x01\x00\x00", 0, 4)
    with pytest.raises(ParseError, match="overruns"):
        parse_parameters(b"\x00\x01\x00\x05", 0, 4)
    with pytest.raises(ParseError, match="header"):
        parse_parameters(b"\x00\x01\x00", 0, 3)


def test_an_init_with_zeros_or_too_short_is_refused() -> None:
    good = Init(1, 2, 3, 4, 5).to_bytes(ChunkType.INIT)
    assert Init.parse(good, 4, len(good)) == Init(1, 2, 3, 4, 5)
    for tag, outbound, inbound in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(ParseError, match="zero"):
            Init.parse(Init(tag, 2, outbound, inbound, 5).to_bytes(ChunkType.INIT), 4, 20)
    for end in range(4, 20):
        with pytest.raises(ParseError):
            Init.parse(good, 4, end)


def test_unknown_parameters_are_reported_as_their_type_says() -> None:
    silent, reported = Parameter(0x8777, b"a"), Parameter(0xC777, b"b")
    last, behind = Parameter(0x4777, b"c"), Parameter(0xC778, b"d")
    init = Init(1, 2, 3, 4, 5, (silent, reported, last, behind))
    assert init.unrecognized() == [reported, last]


def test_errors_and_shutdown_read_what_was_written() -> None:
    data = error_chunk(Cause.STALE_COOKIE, b"12345")
    assert parse_causes(data, 4, len(data)) == [Parameter(Cause.STALE_COOKIE, b"12345")]
    data = shutdown_chunk(0xFFFFFFFF)
    assert parse_tsn(data, 4, len(data)) == 0xFFFFFFFF
    with pytest.raises(ParseError):
        parse_tsn(data, 4, 7)


def test_a_cookie_opens_with_its_key_only() -> None:
    cookie = Cookie(10**15, 1, 0xFFFFFFFF, Peer(2, 3, 4, 5, 65535, True, False, True), 6, 7)
    sealed = cookie.seal(bytes(32))
    assert Cookie.open(sealed, bytes(32)) == cookie
    with pytest.raises(ParseError, match="signed"):
        Cookie.open(sealed, b"\x01" * 32)
    for position in range(len(sealed)):
        with pytest.raises(ParseError):
            Cookie.open(sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :], bytes(32))
        with pytest.raises(ParseError):
            Cookie.open(sealed[:position], bytes(32))
