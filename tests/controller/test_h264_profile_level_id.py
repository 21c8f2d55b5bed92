"""H.264 profile-level-id."""

from __future__ import annotations

import pytest

from miso.controller.ortc.h264_profile_level_id import (
    DEFAULT_PROFILE_LEVEL_ID,
    LEVEL_1B,
    Profile,
    ProfileLevelId,
    format_profile_level_id,
    is_same_profile,
    parse_profile_level_id,
    profile_level_id_for_answer,
    profile_level_id_of,
)


@pytest.mark.parametrize(
    "text",
    [
        None,
        42,
        "",
        " 42e01f",
        "4242e01f",
        "e01f",
        "gggggg",
        "42e01g",
        "+2e01f",
        "42e000",
        "42e00f",
        "42e0ff",
        "42e11f",
        "58601f",
        "64e01f",
    ],
)
def test_rejects_what_is_no_known_profile_and_level(text: object) -> None:
    assert parse_profile_level_id(text) is None


@pytest.mark.parametrize(
    ("text", "profile", "level"),
    [
        ("42e01f", Profile.CONSTRAINED_BASELINE, 31),
        ("42C02A", Profile.CONSTRAINED_BASELINE, 42),
        ("4de01f", Profile.CONSTRAINED_BASELINE, 31),
        ("58f01f", Profile.CONSTRAINED_BASELINE, 31),
        ("42a01f", Profile.BASELINE, 31),
        ("58A01F", Profile.BASELINE, 31),
        ("4D401f", Profile.MAIN, 31),
        ("64001f", Profile.HIGH, 31),
        ("640c34", Profile.CONSTRAINED_HIGH, 52),
        ("f4001f", Profile.PREDICTIVE_HIGH_444, 31),
        ("42e00b", Profile.CONSTRAINED_BASELINE, 11),
        ("42f00b", Profile.CONSTRAINED_BASELINE, LEVEL_1B),
    ],
)
def test_reads_profile_and_level(text: str, profile: Profile, level: int) -> None:
    assert parse_profile_level_id(text) == ProfileLevelId(profile, level)


@pytest.mark.parametrize(
    "text", ["42e01f", "42000a", "4d001f", "640c2a", "64002a", "f4001f", "42f00b", "42100b", "4d100b"]
)
def test_writes_the_canonical_text(text: str) -> None:
    value = parse_profile_level_id(text.upper())
    assert value is not None
    assert format_profile_level_id(value) == text


def test_high_profile_has_no_level_1b() -> None:
    assert format_profile_level_id(ProfileLevelId(Profile.HIGH, LEVEL_1B)) is None


def test_absent_parameter_means_constrained_baseline_3_1() -> None:
    assert profile_level_id_of({}) == DEFAULT_PROFILE_LEVEL_ID == ProfileLevelId(Profile.CONSTRAINED_BASELINE, 31)
    assert profile_level_id_of({"profile-level-id": "foobar"}) is None


def test_same_profile_whatever_the_level() -> None:
    assert is_same_profile({"profile-level-id": "42e01f"}, {"profile-level-id": "42C02A"})
    assert is_same_profile({"profile-level-id": "42a01f"}, {"profile-level-id": "58A01F"})
    assert is_same_profile({"profile-level-id": "42e01f"}, {})
    assert not is_same_profile({}, {"profile-level-id": "4d001f"})
    assert not is_same_profile({"profile-level-id": "42000a"}, {"profile-level-id": "64002a"})
    assert not is_same_profile({"profile-level-id": "foobar"}, {"profile-level-id": "foobar"})


LOW: dict[str, object] = {"profile-level-id": "42e015"}
HIGH: dict[str, object] = {"profile-level-id": "42e01f"}
ASYMMETRY: dict[str, object] = {"level-asymmetry-allowed": 1}


def test_answers_the_lower_level() -> None:
    assert profile_level_id_for_answer(LOW, HIGH) == "42e015"
    assert profile_level_id_for_answer(HIGH, LOW) == "42e015"
    assert profile_level_id_for_answer(HIGH | ASYMMETRY, LOW) == "42e015"


def test_answers_the_own_level_if_both_allow_asymmetry() -> None:
    assert profile_level_id_for_answer(HIGH | ASYMMETRY, LOW | {"level-asymmetry-allowed": "1"}) == "42e01f"


@pytest.mark.parametrize(("other", "lower"), [("42e00a", "42e00a"), ("42e00b", "42f00b"), ("42e01f", "42f00b")])
def test_level_1b_is_between_1_and_1_1(other: str, lower: str) -> None:
    level_1b = {"profile-level-id": "42f00b"}
    assert profile_level_id_for_answer(level_1b, {"profile-level-id": other}) == lower
    assert profile_level_id_for_answer({"profile-level-id": other}, level_1b) == lower


def test_no_answer_without_any_profile_level_id() -> None:
    assert profile_level_id_for_answer({}, {}) is None
    assert profile_level_id_for_answer({}, HIGH) == "42e01f"


def test_answer_needs_readable_and_equal_profiles() -> None:
    with pytest.raises(TypeError, match="mismatch"):
        profile_level_id_for_answer(HIGH, {"profile-level-id": "64001f"})
    with pytest.raises(TypeError, match="local"):
        profile_level_id_for_answer({"profile-level-id": "foo"}, HIGH)
    with pytest.raises(TypeError, match="remote"):
        profile_level_id_for_answer(HIGH, {"profile-level-id": "foo"})
