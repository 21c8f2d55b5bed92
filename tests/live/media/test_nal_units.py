"""NAL units and the lengths before them."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError
from miso.live.media.nal_units import LENGTH_SIZES, MAX_NAL_UNITS, join_nal_units, split_nal_units

UNITS = [b"\x06abc", b"\x65" + bytes(200), b"\x01"]


@pytest.mark.parametrize("size", LENGTH_SIZES)
def test_units_are_joined_and_split(size: int) -> None:
    assert split_nal_units(join_nal_units(UNITS, size), size) == UNITS


@pytest.mark.parametrize("size", LENGTH_SIZES)
def test_units_that_overrun_are_refused(size: int) -> None:
    payload = join_nal_units(UNITS, size)
    boundaries = {0}
    for unit in UNITS:
        boundaries.add(max(boundaries) + size + len(unit))
    for end in set(range(len(payload))) - boundaries:
        with pytest.raises(ParseError, match=r"overruns its picture|cut off"):
            split_nal_units(payload[:end], size)


@pytest.mark.parametrize("size", LENGTH_SIZES)
def test_more_units_than_a_picture_has_are_refused(size: int) -> None:
    assert len(split_nal_units(join_nal_units([b"\x41"] * MAX_NAL_UNITS, size), size)) == MAX_NAL_UNITS
    for payload in (bytes(10 * 1024 * 1024), join_nal_units([b"\x41"] * (MAX_NAL_UNITS + 1), size)):
        with pytest.raises(ParseError, match=f"more than {MAX_NAL_UNITS} NAL units"):
            split_nal_units(payload, size)


def test_empty_units_are_left_out() -> None:
    assert split_nal_units(bytes.fromhex("00000000 00000001 65 00000000"), 4) == [b"\x65"]


def test_a_unit_too_long_for_its_length_is_said() -> None:
    with pytest.raises(ValueError, match="256 bytes, expected less than 256"):
        join_nal_units([bytes(256)], 1)
