"""What nodes say of addresses that have much there, in parts: only those that have changed are written and read.

A node says all of itself each second, and each reads what all say: what addresses have would be most of it, and mostly
as it was. So it is not in a node's fact, but beside it: which of 16 parts an address is in follows from its hash.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

from miso.cluster.directory.node_id import is_node_id
from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import AddressUse

PARTS: Final = 16
VERSION: Final = 1
MAX_PART_BYTES: Final = 32_768
"""A longer part is passed over: of a node with most addresses all would fit in one."""


class _Head(msgspec.Struct):
    v: int


class _Part(msgspec.Struct):
    v: int
    uses: Annotated[list[AddressUse], msgspec.Meta(max_length=256)]


_HEAD = msgspec.json.Decoder(_Head)
_PART = msgspec.json.Decoder(_Part)
_ENCODER = msgspec.json.Encoder()


class OwnUses:
    """What this node says."""

    def __init__(self) -> None:
        """Nothing, which others have to be told, too."""
        self._parts: dict[int, bytes] = {}
        self._told: dict[int, bytes] = {}  # what Redis has
        self.say([])

    def say(self, uses: Iterable[AddressUse]) -> None:
        """This is so now, and nothing else."""
        by_part: dict[int, list[AddressUse]] = {number: [] for number in range(PARTS)}
        for use in uses:
            by_part[zlib.crc32(use.address.encode(errors="replace")) % PARTS].append(use)
        for number, part in by_part.items():
            part.sort(key=lambda use: use.address)
            self._parts[number] = _ENCODER.encode(_Part(VERSION, part))

    def unsaid(self) -> dict[int, bytes]:
        """The parts that Redis does not have as they are."""
        return {number: data for number, data in self._parts.items() if self._told.get(number) != data}

    def said(self, parts: Mapping[int, bytes]) -> None:
        """Redis has them."""
        self._told |= parts

    def lost(self) -> None:
        """Redis has, perhaps, none of them any more."""
        self._told.clear()


class OtherUses:
    """What other nodes say."""

    def __init__(self) -> None:
        self._by_node: dict[str, dict[int, list[AddressUse]]] = {}

    def of(self, node: str) -> list[AddressUse]:
        """What a node says."""
        return [use for part in self._by_node.get(node, {}).values() for use in part]

    def read(self, field: bytes, data: bytes) -> str:
        """A part was read; gives whose it is.

        Raises:
            ParseError: It is none.
            UnknownKindError: A newer version wrote it.
        """
        node, _, number = field.decode(errors="replace").partition("/")
        if not is_node_id(node) or number not in _NUMBERS:
            raise ParseError("no part of what a node says of addresses")
        self._by_node.setdefault(node, {})[_NUMBERS[number]] = _decode(data)
        return node

    def keep(self, nodes: Iterable[str]) -> None:
        """All others are gone."""
        kept = set(nodes)
        self._by_node = {node: parts for node, parts in self._by_node.items() if node in kept}


_NUMBERS: Final = {str(number): number for number in range(PARTS)}


def _decode(data: bytes) -> list[AddressUse]:
    if len(data) > MAX_PART_BYTES:
        raise ParseError(f"{len(data)} bytes of a part, at most {MAX_PART_BYTES} are allowed")
    try:
        if _HEAD.decode(data).v > VERSION:
            raise UnknownKindError("what a newer version says of addresses")
        return _PART.decode(data).uses
    except (ValueError, RecursionError) as error:
        raise ParseError(f"nothing of addresses: {str(error)[:200]}") from error
