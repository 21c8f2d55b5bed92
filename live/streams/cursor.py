"""Where a reader stands in a ring, and what becomes of it when the writer overtakes it."""

from __future__ import annotations

from miso.live.streams.ring import Entry, Ring


class Cursor:
    """One reader's place in one ring.

    A reader that is overtaken jumps to the newest packet with which it can begin anew; where none is kept, it waits for
    the next one that comes.

    Args:
        ring: What it reads.
        position: Where it begins.
        needs_key: Whether it passes over what comes before the first packet with which a reader can begin.
    """

    def __init__(self, ring: Ring, position: int, *, needs_key: bool = False) -> None:
        self._ring = ring
        self._position = position
        self._needs_key = needs_key
        self._has_begun = False  # from then on, what it passes over is missed
        self._skipped = 0

    def peek(self) -> Entry | None:
        """The next packet; None: it is still to come, or none will."""
        ring = self._ring
        if self._position < ring.first:
            self._jump(ring.newest_key)
        while self._needs_key and self._position < ring.end:
            if ring.at(self._position).packet.is_key:
                self._needs_key = False
            else:
                self._pass()
        return ring.at(self._position) if self._position < ring.end else None

    def advance(self) -> int:
        """Goes on behind the packet that :meth:`peek` gave.

        Returns:
            How many packets it missed before that one, because it was overtaken.
        """
        self._position += 1
        self._has_begun = True
        skipped, self._skipped = self._skipped, 0
        return skipped

    def skip_to(self, arrival: int) -> None:
        """Misses what came before that number."""
        position = self._ring.position_of(arrival)
        if position > self._position:
            if self._has_begun:
                self._skipped += position - self._position
            self._position = position

    @property
    def at_end(self) -> bool:
        """Whether nothing more will come for it."""
        return self._ring.closed and self.peek() is None

    def _jump(self, key: int | None) -> None:
        target = key if key is not None else self._ring.first
        self._skipped += target - self._position
        self._position = target
        self._needs_key = key is None
        self._has_begun = True

    def _pass(self) -> None:
        if self._has_begun:
            self._skipped += 1
        self._position += 1
