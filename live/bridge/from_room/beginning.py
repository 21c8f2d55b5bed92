"""How a room's stream begins: with the earliest of what it has, whichever comes first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Set
from typing import Final

from miso.live.bridge.from_room.received_stream import REPORT_WAIT_S
from miso.live.clock import Clock
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet

WAIT_S: Final = REPORT_WAIT_S + 0.5
"""So long after its first packet a stream waits for its other kind, which may have to wait for its sender's report."""
MAX_HELD_BYTES: Final = 8_000_000
"""Of packets, and ``PACKET_BYTES`` for each; beyond it nothing is waited for."""
PACKET_BYTES: Final = 300


class Beginning:
    """Holds the first packets until there are sound and pictures.

    Both come as soon as they can, and pictures of a busy encoder are older than the sound, or silence, that is there
    before them. A stream's time begins with its first packet: what is older would all have that packet's time.

    Args:
        write: Gets the packets, those of each kind in their order.
        awaited: Tells the kinds that the stream is to have now.
        clock: The time, which does not go back.
    """

    def __init__(self, write: Callable[[Packet], None], awaited: Callable[[], Set[Kind]], clock: Clock) -> None:
        self._write = write
        self._awaited = awaited
        self._clock = clock
        self._held: dict[Kind, list[Packet]] | None = {}
        self._held_bytes = 0
        self._first_s: float | None = None
        self._began_ms = 0

    def put(self, packet: Packet) -> None:
        """Takes the next packet. What of sound is older than the stream's beginning is left out."""
        if self._held is None:
            self._pass(packet)
            return
        if self._first_s is None:
            self._first_s = self._clock.time()
        self._held.setdefault(packet.track.kind, []).append(packet)
        self._held_bytes += PACKET_BYTES + packet.size_bytes
        self.due()

    def due(self) -> None:
        """Waits no longer than it may."""
        if self._held is None or self._first_s is None:
            return
        has_all = all(any(not packet.is_config for packet in self._held.get(kind, ())) for kind in self._awaited())
        is_full = self._held_bytes > MAX_HELD_BYTES
        if has_all or is_full or self._clock.time() - self._first_s >= WAIT_S:
            held, self._held = self._held, None
            self._began_ms = min(packets[0].dts_ms for packets in held.values())
            for packet in heapq.merge(*held.values(), key=lambda packet: packet.dts_ms):
                self._pass(packet)

    def _pass(self, packet: Packet) -> None:
        is_sound = packet.track.kind is Kind.AUDIO and not packet.is_config
        if not is_sound or packet.dts_ms >= self._began_ms:
            self._write(packet)
