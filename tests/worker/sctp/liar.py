"""A peer that knows the association's tag and sends what it likes."""

from __future__ import annotations

import struct
import time

from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import ChunkType
from miso.worker.sctp.wire.packet import build_packet
from tests import modes
from tests.worker.sctp.world import World


class Liar:
    """Sends what it likes to ``world.a``, with the right tag, and knows which TSNs are next."""

    def __init__(self, **settings: object) -> None:
        streams: dict[str, object] = {
            name: settings[name] for name in ("outbound_streams", "inbound_streams") if name in settings
        }
        self.world = World(module=modes.load("miso.worker.sctp.association", "compiled"), a=settings, b=streams)
        self.world.connect()
        self.victim = self.world.a.association
        self.tag = int.from_bytes(self.world.b.sent[-1][4:8], "big")
        inits = [packet for packet in self.world.b.sent if packet[12] == ChunkType.INIT]
        self.tsn = int.from_bytes(inits[0][28:32], "big")
        own = [packet for packet in self.world.a.sent if packet[12] == ChunkType.INIT]
        self.victim_tsn = int.from_bytes(own[0][28:32], "big")

    def send(self, *chunks: bytes) -> float:
        """Gives the CPU time that the packet cost, ms; what it caused is thrown away."""
        packet = build_packet(5000, 5000, self.tag, list(chunks))
        started = time.thread_time()
        self.victim.receive(packet, self.world.now_us)
        took_ms = (time.thread_time() - started) * 1000
        self.world.now_us += 100
        self.victim.take_packets()
        self.victim.take_events()
        return took_ms

    def data(
        self, step: int, *, stream_id: int = 0, number: int = 0, flags: int = 3, size: int = 1, fragment: int = 0
    ) -> bytes:
        fixed = struct.pack("!IHHII", (self.tsn + step) & 0xFFFFFFFF, stream_id, 0, number, fragment)
        return chunk(ChunkType.I_DATA, flags, fixed + bytes(size))

    def forward(self, step: int, entries: list[tuple[int, int]]) -> bytes:
        packed = b"".join(struct.pack("!HHI", stream_id, 0, number) for stream_id, number in entries)
        return chunk(ChunkType.I_FORWARD_TSN, 0, struct.pack("!I", (self.tsn + step) & 0xFFFFFFFF) + packed)


class OldLiar(Liar):
    """The same without interleaving."""

    def __init__(self, **settings: object) -> None:
        super().__init__(interleaving=False, **settings)

    def data(
        self, step: int, *, stream_id: int = 0, number: int = 0, flags: int = 3, size: int = 1, fragment: int = 0
    ) -> bytes:
        fixed = struct.pack("!IHHI", (self.tsn + step) & 0xFFFFFFFF, stream_id, number & 0xFFFF, 0)
        return chunk(ChunkType.DATA, flags, fixed + bytes(size))

    def forward(self, step: int, entries: list[tuple[int, int]]) -> bytes:
        packed = b"".join(struct.pack("!HH", stream_id, number & 0xFFFF) for stream_id, number in entries)
        return chunk(ChunkType.FORWARD_TSN, 0, struct.pack("!I", (self.tsn + step) & 0xFFFFFFFF) + packed)
