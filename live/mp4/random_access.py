"""The index at the end of a file: where key frames begin fragments (ISO/IEC 14496-12, 8.8.9 to 8.8.11)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from miso.live.mp4.boxes import HEADER_SIZE, box, full_box

_WIDE = 1
_FIRST = 1
_BYTE_NUMBERS = 0
_END_SIZE = HEADER_SIZE + 4 + 4


class AccessPoint(NamedTuple):
    """Where one can begin to play.

    Attributes:
        time: Of the sample, in the track's ticks.
        offset: Of the fragment's beginning, in the file.
        position: Of the track within the fragment: 1, 2, …
    """

    time: int
    offset: int
    position: int


def random_access_index(points: Mapping[int, Sequence[AccessPoint]]) -> bytes:
    """The box ``mfra``, the last of a file.

    Args:
        points: By the track's number in the file.
    """
    tables = b"".join(_table(number, entries) for number, entries in points.items())
    size = HEADER_SIZE + len(tables) + _END_SIZE
    return box("mfra", tables, full_box("mfro", 0, 0, size.to_bytes(4, "big")))


def _table(number: int, entries: Sequence[AccessPoint]) -> bytes:
    packed = b"".join(
        struct.pack(">QQBBB", entry.time, entry.offset, entry.position, _FIRST, _FIRST) for entry in entries
    )
    return full_box("tfra", _WIDE, 0, struct.pack(">III", number, _BYTE_NUMBERS, len(entries)), packed)
