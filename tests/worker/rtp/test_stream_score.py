"""The score of a stream: samples and their weighted mean, interpreted and compiled."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modes import MODES, load

NAME = "miso.worker.rtp.stream_score"
COUNT = st.integers(-1000, 1 << 33)


@pytest.fixture(params=MODES)
def score(request: pytest.FixtureRequest) -> ModuleType:
    return load(NAME, request.param)


def test_newest_sample_weighs_most(score: ModuleType) -> None:
    it = score.StreamScore()
    assert not it.add(10)
    assert it.add(4)
    assert it.value == 6  # (1 * 10 + 2 * 4) / 3
    for _ in range(24):
        it.add(10)
    assert it.value == 10


def test_reset_forgets_the_samples(score: ModuleType) -> None:
    it = score.StreamScore()
    it.add(0)
    assert it.reset(10)
    assert not it.reset(10)
    it.add(8)
    assert it.value == 8


@pytest.mark.parametrize(
    ("sent", "lost", "repaired", "retransmitted", "expected"),
    [
        (100, 0, 0, 0, 10),
        (100, 10, 0, 0, 7),
        (100, 10, 10, 10, 9),
        (100, 10, 10, 20, 8),
        (100, 1000, 0, 0, 0),
        (100, -1000, 0, 0, 10),
        (0, 10, 0, 0, 10),
        (-5, 10, 0, 0, 10),
    ],
)
def test_outbound_sample(
    score: ModuleType, sent: int, lost: int, repaired: int, retransmitted: int, expected: int
) -> None:
    assert score.outbound_sample(sent, lost, repaired, retransmitted) == expected


@given(COUNT, COUNT, st.integers(0, 1 << 33), COUNT)
def test_whatever_is_counted_the_sample_is_a_score(sent: int, lost: int, repaired: int, retransmitted: int) -> None:
    interpreted, compiled = (load(NAME, mode).outbound_sample(sent, lost, repaired, retransmitted) for mode in MODES)
    assert 0 <= compiled <= 10
    assert interpreted == compiled


@given(st.lists(st.integers(0, 10), max_size=60))
def test_both_modes_have_one_score(samples: list[int]) -> None:
    one, other = (load(NAME, mode).StreamScore() for mode in MODES)
    for sample in samples:
        assert one.add(sample) == other.add(sample)
        assert one.value == other.value
