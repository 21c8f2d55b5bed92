"""The latest packets of one track, for as many readers as there are. Who writes never waits for who reads."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Final, NamedTuple

from miso.live.media.packet import Packet
from miso.live.streams.memory import PACKET_BYTES, Memory
from miso.live.streams.waiters import Waiters

_FIRST_SLOTS: Final = 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a ring keeps; whatever is met first counts.

    Attributes:
        packets: At most so many.
        size_bytes: Payloads of so many bytes together; the newest packet is kept even if it alone is larger.
        duration_ms: From the oldest packet's time to the newest's.
    """

    packets: int = 4096
    size_bytes: int = 32_000_000
    duration_ms: int = 20_000


class Entry(NamedTuple):
    """A packet, and its place in the order in which all packets of its stream came.

    Attributes:
        arrival: 0, 1, 2, … over all tracks of the stream.
        packet: The packet.
    """

    arrival: int
    packet: Packet


class Ring:
    """A track's latest packets. Positions count all packets that were ever written, from 0.

    Attributes:
        first: The position of the oldest packet that is kept.
        end: The position of the next packet to come.
        closed: Whether no more will come.
        waiters: Woken after each write, and by closing.

    Args:
        bounds: How much it keeps at most.
        memory: How much all rings keep together; None: no bound. It may take the oldest packets from here at any time.
        name: What the log calls it.
    """

    def __init__(self, bounds: Bounds, memory: Memory | None = None, name: str = "") -> None:
        self.first = 0
        self.end = 0
        self.closed = False
        self.waiters = Waiters()
        self._bounds = bounds
        self._memory = memory
        if memory is not None:
            memory.add(self, name)
        self._slots: list[Entry | None] = [None] * min(bounds.packets, _FIRST_SLOTS)
        self._size_bytes = 0
        self._newest_key: int | None = None

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def size_bytes(self) -> int:
        """Of the payloads that are kept."""
        return self._size_bytes

    @property
    def kept_bytes(self) -> int:
        """For :class:`~miso.live.streams.memory.Keeper`."""
        return self._size_bytes + PACKET_BYTES * (self.end - self.first)

    @property
    def span_ms(self) -> int:
        """From the oldest kept packet's time to the newest's."""
        if self.end == self.first:
            return 0
        return self.at(self.end - 1).packet.dts_ms - self.at(self.first).packet.dts_ms

    @property
    def newest_key(self) -> int | None:
        """The position of the newest packet with which a reader can begin; None when none is kept."""
        key = self._newest_key
        return key if key is not None and key >= self.first else None

    @property
    def oldest_key(self) -> int | None:
        """As ``newest_key``, the oldest one with the configuration in force."""
        oldest = self.newest_key
        if oldest is None:
            return None
        for position in range(oldest - 1, self.first - 1, -1):
            packet = self.at(position).packet
            if packet.is_config:
                break
            if packet.is_key:
                oldest = position
        return oldest

    def write(self, entry: Entry) -> None:
        """Adds a packet; the oldest make room for it. Nothing happens once the ring is closed."""
        if self.closed:
            return
        if self.end - self.first == self._bounds.packets:
            self.drop_oldest()
        elif self.end - self.first == len(self._slots):
            self._widen()
        self._slots[self.end % len(self._slots)] = entry
        self._size_bytes += entry.packet.size_bytes
        if entry.packet.is_key:
            self._newest_key = self.end
        self.end += 1
        while self.end - self.first > 1 and (
            self._size_bytes > self._bounds.size_bytes
            or entry.packet.dts_ms - self.at(self.first).packet.dts_ms > self._bounds.duration_ms
        ):
            self.drop_oldest()
        if self._memory is not None:
            self._memory.has_written(self)
        self.waiters.wake()

    def forget_key(self) -> None:
        """No reader begins with what is here; the next key frame will do."""
        self._newest_key = None

    def close(self) -> None:
        """Says that no more will come: readers get what is kept, then learn of the end."""
        self.closed = True
        if self._memory is not None:
            self._memory.remove(self)
        self.waiters.wake()

    def at(self, position: int) -> Entry:
        """The packet at a position that is kept."""
        assert self.first <= position < self.end, f"{position} is not within {self.first} to {self.end}"
        entry = self._slots[position % len(self._slots)]
        assert entry is not None
        return entry

    def position_of(self, arrival: int) -> int:
        """The position of the first kept packet that came with this number or later; ``end`` if there is none."""
        kept = range(self.first, self.end)
        return self.first + bisect.bisect_left(kept, arrival, key=lambda position: self.at(position).arrival)

    def drop_oldest(self) -> None:
        """For :class:`~miso.live.streams.memory.Keeper`: the oldest packet is gone for everybody."""
        slot = self.first % len(self._slots)
        entry = self._slots[slot]
        assert entry is not None
        self._slots[slot] = None
        self._size_bytes -= entry.packet.size_bytes
        self.first += 1

    def _widen(self) -> None:
        """Most rings never need all the slots that they may have."""
        slots: list[Entry | None] = [None] * min(self._bounds.packets, 2 * len(self._slots))
        for position in range(self.first, self.end):
            slots[position % len(slots)] = self.at(position)
        self._slots = slots
