"""The pace of a drain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from miso.cluster.placement.drain import DrainPace


def told_each_second(participants: int, timeout_s: int) -> list[int]:
    pace = DrainPace(100.0, timeout_s)
    told = []
    for second in range(timeout_s + 1):
        told.append(pace.due(100.0 + second, participants))
        participants -= told[-1]
    return told


def test_few_go_a_few_each_second() -> None:
    assert told_each_second(12, 60)[:4] == [1, 5, 5, 1]


def test_many_go_evenly_and_in_time() -> None:
    told = told_each_second(3000, 60)
    assert sum(told) == 3000
    assert max(told) - min(told[1:]) <= 2


def test_without_time_all_go_at_once() -> None:
    assert told_each_second(300, 0) == [300]


def test_a_pace_that_was_not_asked_for_long_tells_no_more_than_its_share() -> None:
    pace = DrainPace(0.0, 100.0)
    assert pace.due(0.0, 1000) == 1
    assert 490 <= pace.due(50.0, 999) <= 510


@given(st.integers(0, 2000), st.floats(0, 100), st.lists(st.floats(0, 20), max_size=50))
def test_all_are_told_by_the_deadline_whenever_it_is_asked(left: int, timeout_s: float, steps: list[float]) -> None:
    pace, now_s = DrainPace(0.0, timeout_s), 0.0
    for step in steps:
        now_s += step
        told = pace.due(now_s, left)
        assert 0 <= told <= left
        left -= told
    assert pace.due(max(now_s, timeout_s), left) == left
