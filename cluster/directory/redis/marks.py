"""Which write of a node in a room was the last that had something for all others, or for one: kept beside its facts.

Who knows all up to the last write that had something for it need not read again. Marks of nodes that are gone would
pile up where nothing is written for all: they go with the next write. Such a node that comes back after all finds its
lease ended, and reads everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

FOR_ALL: Final = "#all"
"""The last write that had something for all others."""
FOR_ONE: Final = "#to:"
"""Before a node's id: the last write that had something for that one, if it was after that."""


class Known(NamedTuple):
    """What readers have to know so that the next write is all that is new to them.

    Attributes:
        prev: The last write that was for all.
        prevs: For single nodes: a later one.
    """

    prev: int
    prevs: dict[str, int]


class Marks:
    """The marks of one node in one room."""

    def __init__(self) -> None:
        """Nothing was written."""
        self._for_all = 0
        self._for: dict[str, int] = {}
        self._gone: list[str] = []  # their marks are still in Redis

    @property
    def known(self) -> Known:
        """What readers have to know by now."""
        return Known(self._for_all, dict(self._for))

    def wrote_all(self, seq: int) -> dict[str, bytes]:
        """Everything is written, in the place of whatever was there; gives the marks to set."""
        self._for_all, self._for = seq, {}
        self._gone.clear()
        return {FOR_ALL: _number(seq)}

    def wrote(self, seq: int, readers: Collection[str | None]) -> dict[str, bytes]:
        """Changes are written that are for these nodes; None: for all. Gives the marks to set."""
        if None in readers:
            self._gone += self._for
            self._for_all, self._for = seq, {}
            return {FOR_ALL: _number(seq)}
        nodes = [node for node in readers if node is not None]
        self._for |= dict.fromkeys(nodes, seq)
        return {FOR_ONE + node: _number(seq) for node in nodes}

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Finds out who is gone."""
        gone = [node for node in self._for if is_gone(node)]
        for node in gone:
            del self._for[node]
        self._gone += gone

    def to_remove(self) -> list[str]:
        """Keys of marks that say nothing any more; they are given once."""
        gone, self._gone = self._gone, []
        return [FOR_ONE + node for node in gone if node not in self._for]


def _number(seq: int) -> bytes:
    return str(seq).encode()
