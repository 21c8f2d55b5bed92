"""How many bytes of facts each other node says: one that says too much fills nobody's memory."""

from __future__ import annotations

from collections import Counter
from typing import Final

MAX_ROOM_BYTES: Final = 64 * 1024 * 1024
"""So much of what one node says in one room is kept, as JSON; as objects it takes a few times that."""
MAX_NODE_BYTES: Final = 256 * 1024 * 1024
"""So much of what one node says in all rooms."""


class SaidBytes:
    """What other nodes say to this one, in all rooms."""

    def __init__(self, room_bytes: int = MAX_ROOM_BYTES, node_bytes: int = MAX_NODE_BYTES) -> None:
        """Nothing is said.

        Args:
            room_bytes: So much is kept of one node in one room.
            node_bytes: So much in all.
        """
        self.room_bytes = room_bytes
        self.node_bytes = node_bytes
        self.by_node: Counter[str] = Counter()

    def of_room(self) -> RoomBytes:
        """What they say in one more room."""
        return RoomBytes(self)


class RoomBytes:
    """What other nodes say in one room."""

    def __init__(self, all_rooms: SaidBytes) -> None:
        self._all = all_rooms
        self._by_node: Counter[str] = Counter()
        self._sizes: dict[tuple[str, str], int] = {}

    def keep(self, node: str, key: str, size_bytes: int) -> bool:
        """A node says a fact of that length, instead of what it said under that key; False: that is too much."""
        more = size_bytes - self._sizes.get((node, key), 0)
        if more > 0 and (
            self._by_node[node] + more > self._all.room_bytes or self._all.by_node[node] + more > self._all.node_bytes
        ):
            return False
        if more:
            self._sizes[node, key] = size_bytes
            self._add(node, more)
        return True

    def forget(self, node: str, key: str) -> None:
        """A node does not say that any more."""
        size_bytes = self._sizes.pop((node, key), 0)
        if size_bytes:
            self._add(node, -size_bytes)

    def close(self) -> None:
        """Nothing of the room is kept any more."""
        for node, key in list(self._sizes):
            self.forget(node, key)

    def _add(self, node: str, size_bytes: int) -> None:
        for counted in (self._by_node, self._all.by_node):
            counted[node] += size_bytes
            if not counted[node]:
                del counted[node]
