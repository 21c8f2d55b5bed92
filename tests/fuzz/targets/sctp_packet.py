"""SCTP: any packet into an established association, which goes on to send what was queued, within its limits."""

from __future__ import annotations

import random
import struct

from miso.worker.errors import ParseError
from miso.worker.sctp.association import Association
from miso.worker.sctp.events import SctpState
from miso.worker.sctp.wire.checksum import packet_checksum
from miso.worker.sctp.wire.chunks import Init, chunk, error_chunk, shutdown_chunk
from miso.worker.sctp.wire.constants import Cause, ChunkType
from miso.worker.sctp.wire.packet import build_packet, parse_packet
from miso.worker.sctp.wire.parameters import Parameter

PEER_TAG = 0x01020304
PEER_TSN = 1000
EXTENSIONS = Parameter(0x8008, bytes((130, 192, 64, 194)))


def established(interleaving: bool) -> tuple[Association, int, int]:
    """An association with a dozen chunks in flight and more queued; its tag and the TSN of its first chunk."""
    association = Association(
        local_port=5000,
        remote_port=5000,
        max_message_size=5000,
        send_buffer_size=100_000,
        outbound_streams=100,
        inbound_streams=100,
        is_data_channel=True,
        random=random.Random(1).randbytes,
        interleaving=interleaving,
    )
    association.start(1_000_000)
    (packet,) = association.take_packets()
    init = Init.parse(packet, 16, len(packet))
    parameters = (Parameter(7, b"cookie"), Parameter(0xC000, b""), EXTENSIONS)
    init_ack = Init(PEER_TAG, 100_000, 100, 100, PEER_TSN, parameters).to_bytes(ChunkType.INIT_ACK)
    association.receive(build_packet(5000, 5000, init.tag, [init_ack]), 1_000_000)
    association.receive(build_packet(5000, 5000, init.tag, [chunk(ChunkType.COOKIE_ACK)]), 1_000_000)
    assert association.state is SctpState.CONNECTED
    for stream_id in range(6):
        association.send(stream_id, 53, bytes(10), ordered=True, max_retransmits=0, now_us=1_000_000)
        association.send(stream_id, 53, bytes(3000), ordered=False, max_lifetime_ms=50, now_us=1_000_000)
    association.reset_stream(5, 1_000_000)
    association.take_packets()
    association.take_events()
    return association, init.tag, init.initial_tsn


_, TAG, TSN = established(True)


def data(tsn: int, stream_id: int, flags: int, size: int) -> bytes:
    return chunk(ChunkType.DATA, flags, struct.pack("!IHHI", PEER_TSN + tsn, stream_id, tsn, 53) + bytes(size))


def i_data(tsn: int, stream_id: int, flags: int, size: int) -> bytes:
    return chunk(ChunkType.I_DATA, flags, struct.pack("!IHHII", PEER_TSN + tsn, stream_id, 0, tsn, 0) + bytes(size))


def sack(tsn: int, window: int, *blocks: int) -> bytes:
    fixed = struct.pack("!IIHH", (TSN + tsn) & 0xFFFFFFFF, window, len(blocks) // 2, 0)
    return chunk(ChunkType.SACK, 0, fixed + struct.pack(f"!{len(blocks)}H", *blocks))


def reconfig(type_: int, value: bytes) -> bytes:
    return chunk(ChunkType.RE_CONFIG, 0, Parameter(type_, value).to_bytes())


CHUNK_LISTS = [
    [data(0, 1, 3, 20), data(1, 1, 2, 100), data(2, 1, 0, 100), data(4, 2, 3, 5), data(3, 1, 1, 100)],
    [i_data(0, 1, 3, 20), i_data(1, 1, 2, 100), i_data(3, 2, 7, 5), i_data(2, 1, 0, 100)],
    [sack(-1, 5000, 2, 3, 5, 5), sack(0, 0), sack(2, 100_000, 1, 1)],
    [chunk(ChunkType.FORWARD_TSN, 0, struct.pack("!IHHHH", PEER_TSN + 5, 1, 2, 2, 4)), data(6, 1, 3, 1)],
    [chunk(ChunkType.I_FORWARD_TSN, 0, struct.pack("!IHHIHHI", PEER_TSN + 5, 1, 0, 2, 2, 1, 4)), i_data(6, 1, 3, 1)],
    [reconfig(13, struct.pack("!IIIHH", PEER_TSN, 0, PEER_TSN - 1, 1, 2)), reconfig(16, struct.pack("!II", TSN, 1))],
    [reconfig(14, struct.pack("!IHH", PEER_TSN, 1, 2)), reconfig(17, struct.pack("!IHH", PEER_TSN + 1, 5, 0))],
    [chunk(ChunkType.HEARTBEAT, 0, Parameter(1, b"info").to_bytes()), chunk(ChunkType.HEARTBEAT_ACK, 0, bytes(8))],
    [Init(5, 5000, 1, 1, 9, (EXTENSIONS,)).to_bytes(ChunkType.INIT)],
    [chunk(ChunkType.COOKIE_ECHO, 0, bytes(73)), data(0, 0, 3, 1)],
    [error_chunk(Cause.STALE_COOKIE, b"1234"), error_chunk(Cause.USER_INITIATED_ABORT, abort=True)],
    [shutdown_chunk(TSN), chunk(ChunkType.SHUTDOWN_ACK), chunk(ChunkType.SHUTDOWN_COMPLETE)],
    [chunk(0x3F), chunk(0x7F), chunk(0xBF, 0, b"abc"), chunk(0xFF, 0, b"abcd"), data(0, 0, 3, 1)],
]
SEEDS = [build_packet(5000, 5000, TAG, chunks) for chunks in CHUNK_LISTS]


def run(data: bytes) -> None:
    """The packet with the right ports, tag and checksum, twice, to associations with and without interleaving."""
    if len(data) >= 12:
        tag = 0 if len(data) > 12 and data[12] == ChunkType.INIT else TAG
        fixed = struct.pack("!HHI", 5000, 5000, tag) + bytes(4) + data[12:]
        data = fixed[:8] + packet_checksum(fixed).to_bytes(4, "little") + fixed[12:]
    errors = [receive(data, interleaving) for interleaving in (True, False)]
    if errors[0] is not None and errors[1] is not None:
        raise errors[0]


def receive(data: bytes, interleaving: bool) -> ParseError | None:
    association, _, _ = established(interleaving)
    error = None
    now_us = 1_000_000
    for _ in range(2):
        now_us += 10_000
        try:
            association.receive(data, now_us)
        except ParseError as caught:
            error = caught
        check(association)
    for _ in range(5):
        due_us = association.next_timer_us
        if due_us is not None:
            association.on_timer(due_us)
            check(association)
    return error


def check(association: Association) -> None:
    packets = association.take_packets()
    assert len(packets) <= 64
    for packet in packets:
        assert len(packet) <= 1200
        assert len(packet) % 4 == 0
        parse_packet(packet)
    association.take_events()
    assert 0 <= association.buffered_amount <= 100_000
