"""NAL units with their lengths before them, as AVC and HEVC stand in FLV and MP4 (ISO 14496-15, 5.3.4.2 and 8.3.4)."""

from __future__ import annotations

from collections.abc import Iterable

from miso.live.errors import ParseError

LENGTH_SIZES = (1, 2, 4)
# More than any level allows slices. Without it, a picture of zeros would be millions of empty units.
MAX_NAL_UNITS = 16_384


def split_nal_units(payload: bytes, length_size: int) -> list[bytes]:
    """The units without their lengths; empty ones are left out.

    Args:
        payload: All units of a picture.
        length_size: 1, 2 or 4, from the track's configuration record.

    Raises:
        ParseError: A unit, or the length of one, goes past the end, or there are too many.
    """
    units: list[bytes] = []
    position = 0
    end = len(payload)
    for _ in range(MAX_NAL_UNITS):
        if position == end:
            return units
        start = position + length_size
        if start > end:
            raise ParseError(f"NAL unit's length is cut off: have {end - position} bytes, need {length_size}")
        size = int.from_bytes(payload[position:start], "big")
        position = start + size
        if position > end:
            raise ParseError(f"NAL unit overruns its picture: have {end - start} bytes, need {size}")
        if size:
            units.append(payload[start:position])
    if position < end:
        raise ParseError(f"picture has more than {MAX_NAL_UNITS} NAL units")
    return units


def join_nal_units(units: Iterable[bytes], length_size: int = 4) -> bytes:
    """The units with their lengths before them.

    Raises:
        ValueError: A unit is longer than its length can say.
    """
    payload = bytearray()
    for unit in units:
        if len(unit) >> 8 * length_size:
            raise ValueError(f"NAL unit has {len(unit)} bytes, expected less than {1 << 8 * length_size}")
        payload += len(unit).to_bytes(length_size, "big") + unit
    return bytes(payload)
