"""SCTP: the packet, the control chunks and their parameters, the cookie."""

from __future__ import annotations

from miso.worker.errors import ParseError
from miso.worker.sctp.handshake.cookie import Cookie, Peer
from miso.worker.sctp.wire.checksum import packet_checksum
from miso.worker.sctp.wire.chunks import Init, chunk, error_chunk, parse_causes, parse_tsn, shutdown_chunk
from miso.worker.sctp.wire.constants import Cause, ChunkType
from miso.worker.sctp.wire.packet import build_packet, parse_packet
from miso.worker.sctp.wire.parameters import Parameter, joined, parse_parameters

KEY = bytes(32)
PEER = Peer(1, 2, 3, 4, 5, True, False, True)
INIT = Init(1, 1500, 10, 20, 7, (Parameter(0x8008, b"\x82\xc0\x40"), Parameter(0xC000, b""), Parameter(0x4001, b"abc")))
CHUNKS = [
    INIT.to_bytes(ChunkType.INIT),
    INIT.to_bytes(ChunkType.INIT_ACK),
    chunk(ChunkType.COOKIE_ECHO, 0, Cookie(1, 2, 3, PEER).seal(KEY)),
    error_chunk(Cause.STALE_COOKIE, b"1234"),
    shutdown_chunk(77),
]
SEEDS = [build_packet(5000, 5000, 1, [part]) for part in CHUNKS] + [build_packet(1, 2, 3, CHUNKS)]


def run(data: bytes) -> None:
    """Reads the bytes as they are, and then with their checksum set right, so that the chunks are reached."""
    try:
        read(data)
    except ParseError:
        pass
    if len(data) >= 12:
        data = data[:8] + packet_checksum(data).to_bytes(4, "little") + data[12:]
    read(data)


def read(data: bytes) -> None:
    """What is read can be written, and then reads the same."""
    packet = parse_packet(data)
    for type_, _flags, offset, end in packet.chunks:
        assert 16 <= offset <= end <= len(data)
        if type_ in (ChunkType.INIT, ChunkType.INIT_ACK):
            init = Init.parse(data, offset, end)
            written = init.to_bytes(ChunkType(type_))
            assert Init.parse(written, 4, 4 + end - offset) == init
            assert len(init.unrecognized()) <= len(init.parameters)
            assert len(init.extensions) <= 256
        elif type_ == ChunkType.COOKIE_ECHO:
            assert Cookie.open(data[offset:end], KEY).seal(KEY) == data[offset:end]
        elif type_ == ChunkType.SHUTDOWN:
            assert 0 <= parse_tsn(data, offset, end) < 1 << 32
        elif type_ in (ChunkType.ERROR, ChunkType.ABORT):
            causes = parse_causes(data, offset, end)
            assert parse_parameters(joined(causes), 0, len(joined(causes))) == causes
