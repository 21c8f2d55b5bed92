"""Ids of shards: that of their node, and something random. So it is plain whose a shard is, and where it is reached.

Such as ``host1-0a1b2c3d:5e6f7a8b9c0d1e2f``.
"""

from __future__ import annotations

import secrets
from typing import Final

SIGN: Final = ":"
"""Between the two; no node's id has it."""


def new_shard_id(node: str) -> str:
    """An id that no other shard has, of a shard of that node."""
    return f"{node}{SIGN}{secrets.token_hex(8)}"


def owner_of(shard: str) -> str:
    """The only node that can have a shard of that id."""
    return shard.partition(SIGN)[0]
