"""Which SCTP streams of a transport are free."""

from __future__ import annotations

from miso.controller.errors import UnsupportedError


class SctpStreamIds:
    """Hands out stream ids in turn, so that one which was freed rests as long as possible."""

    def __init__(self, count: int) -> None:
        self._used = bytearray(count)
        self._next = 0

    def take(self) -> int:
        """The next free id, 0 to count - 1.

        Raises:
            UnsupportedError: All are in use.
        """
        count = len(self._used)
        for offset in range(count):
            stream_id = (self._next + offset) % count
            if not self._used[stream_id]:
                self._used[stream_id] = 1
                self._next = stream_id + 1
                return stream_id
        raise UnsupportedError("no sctpStreamId available")

    def free(self, stream_id: int) -> None:
        """Makes an id free again."""
        self._used[stream_id] = 0
