"""RTP headers and extensions of both forms, interpreted: an index out of range shows as an IndexError."""

from miso.worker.rtp.packet import parse_header as parse_compiled
from tests.modes import load

SEEDS = [
    bytes.fromhex("8060123489abcdeffedcba98") + b"payload",
    bytes.fromhex("9060123489abcdeffedcba98 bede0003 10aa000021313200e0bb0000") + b"payload",
    bytes.fromhex("b260123489abcdeffedcba98 0000000100000002 10000002 0100200241420000") + b"payload\0\0\3",
]
_packet = load("miso.worker.rtp.packet", "interpreted")


def run(data: bytes) -> None:
    """Both modes accept the same packets and read the same from them."""
    header = _packet.parse_header(data)
    compiled = parse_compiled(data)
    count = header.element_count
    assert header.payload_offset + header.payload_size + header.padding_size == len(data)
    assert (header.payload_offset, header.payload_size) == (compiled.payload_offset, compiled.payload_size)
    assert header.element_ids[:count] == compiled.element_ids[: compiled.element_count]
    for index in range(count):
        assert header.element_offsets[index] == compiled.element_offsets[index]
        assert header.element_offsets[index] + header.element_sizes[index] <= header.payload_offset
