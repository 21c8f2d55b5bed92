"""Ids of nodes: the name that its operator gave, and something random for each start."""

from __future__ import annotations

import re
import secrets
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""A host's name as DNS and Kubernetes have them, with underscores."""
NODE_ID: Final = re.compile(NAME.pattern + r"-[0-9a-f]{8}")


def new_node_id(name: str) -> str:
    """An id that no other node has, nor this one before.

    Raises:
        ValueError: The name is not of letters, digits, points, underscores and hyphens, or longer than 63 of them.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a node: those have 1 to 63 letters, digits, '.', '_' and '-', no sign at the ends"
        )
    return f"{name}-{secrets.token_hex(4)}"


def is_node_id(text: str) -> bool:
    """Whether a node can have that id."""
    return NODE_ID.fullmatch(text) is not None


def name_of(node: str) -> str:
    """The name in a node's id."""
    return node.rpartition("-")[0]
