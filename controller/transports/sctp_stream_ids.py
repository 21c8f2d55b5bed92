"""Which SCTP streams of a transport are free."""

from __future__ import annotations

from miso.controller.errors import UnsupportedError


class SctpStreamIds:
    """Hands out stream ids in turn, so that one which was freed rests as long as possible."""

    def __init__(self, count: int) -> None:
        self._used = bytearray(count)
        self._next = 0

    def take(self, wanted: int | None = None) -> int:
        """The next free id, 0 to count - 1; or the wanted one.

        Raises:
            UnsupportedError: All are in use, or the wanted one is, or there is none of that number.
        """
        count = len(self._used)
        if wanted is not None:
            if not 0 <= wanted < count or self._used[wanted]:
                raise UnsupportedError(f"sctpStreamId {wanted} is not one of {count} or is in use")
            self._used[wanted] = 1
            return wanted
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
