"""The names of our keys in Redis. What stands in braces decides on which server of a Redis Cluster a key is.

========================================  ======  ==========================================================
``miso:1:{nodes}:seen``                   zset    nodes, by Redis' own time of their last sign of life, in ms
``miso:1:{nodes}:facts``                  hash    node → what it says of itself
``miso:1:{nodes}:uses``                   hash    ``NODE/0`` to ``NODE/15`` → what addresses have at that node
``miso:1:{nodes}:uses-at``                zset    these fields, by Redis' own time of their last change, in ms
``miso:1:{nodes}:clock``                  string  Redis' own time of anybody's last sign of life, in ms
``miso:1:{nodes}:pause``                  string  Redis' own time of the first sign of life after a pause, in ms
``miso:1:inbox:{NODE}``                   stream  what others tell a node
``miso:1:room:{ROOM}:members``            zset    nodes in a room, by Redis' own time of their last refresh, in ms
``miso:1:room:{ROOM}:facts:NODE``         hash    what a node says in a room: key → fact; ``#seq``: its last write;
                                                  ``#all``: its last write that had something for all other nodes;
                                                  ``#to:OTHER``: a later one that had something for that node only
========================================  ======  ==========================================================

``1`` is the version of all this. ROOM is a hash of the room's name. All keys have a time to live.
"""

from __future__ import annotations

import hashlib
from typing import Final

PREFIX: Final = "miso:1:"
SEEN: Final = PREFIX + "{nodes}:seen"
NODE_FACTS: Final = PREFIX + "{nodes}:facts"
USES: Final = PREFIX + "{nodes}:uses"
USES_AT: Final = PREFIX + "{nodes}:uses-at"
CLOCK: Final = PREFIX + "{nodes}:clock"
PAUSE: Final = PREFIX + "{nodes}:pause"


def inbox(node: str) -> str:
    """The key of what others tell a node."""
    return f"{PREFIX}inbox:{{{node}}}"


def room_hash(room: str) -> str:
    """What stands for a room's name, which may be anything."""
    return hashlib.sha256(room.encode(errors="surrogatepass")).hexdigest()[:32]


def members(room: str) -> str:
    """The key of the nodes in a room, by its hash."""
    return f"{PREFIX}room:{{{room}}}:members"


def facts(room: str, node: str) -> str:
    """The key of what a node says in a room, by its hash."""
    return f"{PREFIX}room:{{{room}}}:facts:{node}"
