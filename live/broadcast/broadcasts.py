"""All broadcasts: one for each stream and format that has players."""

from __future__ import annotations

from miso.live.broadcast.broadcast import Broadcast
from miso.live.broadcast.format import Format
from miso.live.broadcast.settings import PlayersSettings
from miso.live.clock import Clock
from miso.live.streams.memory import Memory
from miso.live.streams.stream import Stream


class Broadcasts:
    """The broadcasts of one engine. One is made for its first player, and goes with its last.

    A stream that goes on for weeks has several in one format: each begins near 0, and takes nobody in after 12 days.

    Args:
        settings: Of them all.
        clock: The time.
        memory: What they may keep together with the streams; None: no bound.
    """

    def __init__(self, settings: PlayersSettings, clock: Clock, memory: Memory | None = None) -> None:
        self._settings = settings
        self._memory = memory or Memory()
        self._clock = clock
        self._broadcasts: dict[tuple[Stream, Format], Broadcast] = {}  # where who comes is put
        self._worn: set[Broadcast] = set()  # whose players stay

    def __len__(self) -> int:
        return len(self._broadcasts) + len(self._worn)

    def get(self, stream: Stream, format: Format) -> Broadcast:
        """The broadcast of a stream whose tracks are known; the caller adds a player at once.

        Raises:
            StreamClosedError: The stream is over.
        """
        key = (stream, format)
        broadcast = self._broadcasts.get(key)
        if broadcast is not None and broadcast.is_worn:
            self._worn.add(self._broadcasts.pop(key))
            broadcast = None
        if broadcast is None:
            broadcast = self._broadcasts[key] = self._make(key)
        return broadcast

    def close(self) -> None:
        """Ends them all."""
        for broadcast in [*self._broadcasts.values(), *self._worn]:
            broadcast.close()

    def _make(self, key: tuple[Stream, Format]) -> Broadcast:
        def forget() -> None:
            self._worn.discard(broadcast)
            if self._broadcasts.get(key) is broadcast:
                del self._broadcasts[key]

        broadcast = Broadcast(*key, self._settings, self._clock, self._memory, forget)
        return broadcast
