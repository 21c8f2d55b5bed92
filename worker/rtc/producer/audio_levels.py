"""The audio levels (RFC 6464) of a producer's packets, for several readers, each at its own interval."""

from __future__ import annotations

from collections.abc import Callable


class AudioLevels:
    """What each reader has not read yet."""

    def __init__(self, take: Callable[[], bytes]) -> None:
        """``take`` gives the levels since its last call: -dBov, 0 (loudest) to 127, oldest first."""
        self._take = take
        self._unread: dict[str, bytearray] = {}

    def add_reader(self, reader_id: str) -> None:
        """It reads from now on."""
        self._unread[reader_id] = bytearray()

    def remove_reader(self, reader_id: str) -> None:
        """It reads no more."""
        self._unread.pop(reader_id, None)

    def read(self, reader_id: str) -> bytes:
        """The levels since the reader's last call."""
        levels = self._take()
        for unread in self._unread.values():
            unread += levels
        read = bytes(self._unread[reader_id])
        self._unread[reader_id].clear()
        return read
