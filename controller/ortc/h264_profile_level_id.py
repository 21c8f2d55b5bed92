"""H.264 profile-level-id: reading, writing and negotiating it (RFC 6184 sections 8.1 and 8.2.2)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import NamedTuple

CodecParameters = Mapping[str, object]
"""A codec's parameters, as in the ``a=fmtp`` line of SDP."""


class Profile(enum.Enum):
    """The profiles WebRTC knows; the value is profile_idc and profile_iop in hexadecimal."""

    CONSTRAINED_BASELINE = "42e0"
    BASELINE = "4200"
    MAIN = "4d00"
    CONSTRAINED_HIGH = "640c"
    HIGH = "6400"
    PREDICTIVE_HIGH_444 = "f400"


LEVEL_1B = 0
"""Level 1b has no number of its own: it is level 1.1 with constraint_set3_flag."""

_LEVELS = frozenset({10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52})
_LEVEL_1 = 10
_LEVEL_1_1 = 11
_CONSTRAINT_SET3 = 0x10

# profile_idc, mask and value of profile_iop, profile: the table of RFC 6184 section 8.1.
_PROFILES = (
    (0x42, 0b01001111, 0b01000000, Profile.CONSTRAINED_BASELINE),
    (0x4D, 0b10001111, 0b10000000, Profile.CONSTRAINED_BASELINE),
    (0x58, 0b11001111, 0b11000000, Profile.CONSTRAINED_BASELINE),
    (0x42, 0b01001111, 0b00000000, Profile.BASELINE),
    (0x58, 0b11001111, 0b10000000, Profile.BASELINE),
    (0x4D, 0b10101111, 0b00000000, Profile.MAIN),
    (0x64, 0b11111111, 0b00000000, Profile.HIGH),
    (0x64, 0b11111111, 0b00001100, Profile.CONSTRAINED_HIGH),
    (0xF4, 0b11111111, 0b00000000, Profile.PREDICTIVE_HIGH_444),
)

_LEVEL_1B_TEXTS = {Profile.CONSTRAINED_BASELINE: "42f00b", Profile.BASELINE: "42100b", Profile.MAIN: "4d100b"}


class ProfileLevelId(NamedTuple):
    """A profile and ten times the level's number (31 is level 3.1), or ``LEVEL_1B``."""

    profile: Profile
    level: int


# The RFC's default is baseline level 1; browsers without the parameter mean this one (crbug.com/webrtc/6337).
DEFAULT_PROFILE_LEVEL_ID = ProfileLevelId(Profile.CONSTRAINED_BASELINE, 31)


def parse_profile_level_id(text: object) -> ProfileLevelId | None:
    """Reads six hexadecimal digits; None when they are not a known profile and level."""
    if not isinstance(text, str) or re.fullmatch(r"[0-9a-fA-F]{6}", text) is None:
        return None
    idc, iop, level = bytes.fromhex(text)
    if level not in _LEVELS:
        return None
    if level == _LEVEL_1_1 and iop & _CONSTRAINT_SET3:
        level = LEVEL_1B
    for profile_idc, mask, value, profile in _PROFILES:
        if idc == profile_idc and iop & mask == value:
            return ProfileLevelId(profile, level)
    return None


def format_profile_level_id(value: ProfileLevelId) -> str | None:
    """Writes the canonical six hexadecimal digits; None for level 1b in a profile that has none."""
    if value.level == LEVEL_1B:
        return _LEVEL_1B_TEXTS.get(value.profile)
    return f"{value.profile.value}{value.level:02x}"


def profile_level_id_of(parameters: CodecParameters) -> ProfileLevelId | None:
    """The profile and level of a codec's parameters: the default one if not given, None if not readable."""
    text = parameters.get("profile-level-id")
    return parse_profile_level_id(text) if text else DEFAULT_PROFILE_LEVEL_ID


def is_same_profile(one: CodecParameters, other: CodecParameters) -> bool:
    """Whether both have a readable profile, and the same one, whatever their levels."""
    first, second = profile_level_id_of(one), profile_level_id_of(other)
    return first is not None and second is not None and first.profile is second.profile


def profile_level_id_for_answer(local: CodecParameters, remote: CodecParameters) -> str | None:
    """The profile-level-id to answer with (RFC 6184 section 8.2.2).

    The lower of both levels, or the local one when both sides allow level asymmetry.

    Returns:
        Six hexadecimal digits, or None when neither side gives a profile-level-id.

    Raises:
        TypeError: A profile-level-id is not readable, or the profiles differ.
    """
    if not local.get("profile-level-id") and not remote.get("profile-level-id"):
        return None
    mine, theirs = profile_level_id_of(local), profile_level_id_of(remote)
    if mine is None:
        raise TypeError(f"invalid local profile-level-id {local['profile-level-id']!r}")
    if theirs is None:
        raise TypeError(f"invalid remote profile-level-id {remote['profile-level-id']!r}")
    if mine.profile is not theirs.profile:
        raise TypeError(f"H264 profile mismatch: {mine.profile.name} and {theirs.profile.name}")
    if _allows_asymmetry(local) and _allows_asymmetry(remote):
        return format_profile_level_id(mine)
    return format_profile_level_id(min(mine, theirs, key=lambda value: _rank(value.level)))


def _rank(level: int) -> float:
    """Level 1b stands between 1 and 1.1."""
    return _LEVEL_1 + 0.5 if level == LEVEL_1B else level


def _allows_asymmetry(parameters: CodecParameters) -> bool:
    return parameters.get("level-asymmetry-allowed") in (1, "1")
