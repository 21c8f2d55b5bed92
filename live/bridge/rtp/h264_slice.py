"""H.264: what NAL units there are (table 7-1), and what a picture's slices say of it (7.3.3)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from miso.live.media.bit_reader import BitReader, without_emulation_prevention

_TYPE_MASK = 0x1F
_REFERENCE_MASK = 0x60
# Two Exp-Golomb numbers of at most 21 and 9 bits.
_LOOKED_AT = 12
_B_SLICES = (1, 6)
_KINDS = 10


class NalType(IntEnum):
    """``nal_unit_type``."""

    SLICE = 1
    PARTITION_A = 2
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    ACCESS_UNIT_DELIMITER = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12


NOT_SENT = frozenset(
    (
        NalType.SEI,
        NalType.SPS,
        NalType.PPS,
        NalType.ACCESS_UNIT_DELIMITER,
        NalType.END_OF_SEQUENCE,
        NalType.END_OF_STREAM,
        NalType.FILLER,
    )
)
"""What is no part of a picture, or is said elsewhere."""


class Picture(NamedTuple):
    """What is asked of a picture here.

    Attributes:
        is_idr: Nothing before it is needed.
        is_bidirectional: It has B slices: in the order of showing, something that comes later may lie before it.
        is_reference: Others need it.
    """

    is_idr: bool
    is_bidirectional: bool
    is_reference: bool


def nal_type(unit: bytes) -> int:
    """``nal_unit_type`` of a unit that is not empty."""
    return unit[0] & _TYPE_MASK


def read_picture(units: Iterable[bytes]) -> Picture | None:
    """What a picture's first slice says of it; None if there is no slice.

    Raises:
        ParseError: The slice is cut off, or of no type.
    """
    for unit in units:
        if nal_type(unit) in (NalType.SLICE, NalType.PARTITION_A, NalType.IDR):
            bits = BitReader(without_emulation_prevention(unit[1 : 1 + _LOOKED_AT]), "H.264 slice")
            bits.ue()  # first_mb_in_slice
            kind = bits.at_most(_KINDS - 1, "type")
            return Picture(nal_type(unit) == NalType.IDR, kind in _B_SLICES, bool(unit[0] & _REFERENCE_MASK))
    return None
