"""When what has failed is tried again."""

from __future__ import annotations

from miso.cluster.shard.retries import Retries, rest_s


def test_a_step_waits_twice_as_long_each_time_up_to_a_limit() -> None:
    retries = Retries(first_s=1.0, longest_s=5.0)
    assert retries.due(["a"], 0.0) == {"a"}
    now_s, waits = 0.0, []
    for _ in range(5):
        retries.failed("a", now_s)
        due_s = retries.next_s
        assert due_s is not None
        assert retries.due(["a"], due_s - 0.01) == set()
        assert retries.due(["a"], due_s) == {"a"}
        waits.append(due_s - now_s)
        now_s = due_s
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_one_step_s_failure_holds_up_no_other() -> None:
    retries = Retries(first_s=1.0, longest_s=5.0)
    retries.failed("a", 0.0)
    assert retries.due(["a", "b"], 0.5) == {"b"}


def test_a_step_that_was_done_or_is_no_longer_there_begins_anew() -> None:
    retries = Retries(first_s=1.0, longest_s=5.0)
    for key in ("a", "b"):
        retries.failed(key, 0.0)
        retries.failed(key, 0.0)
    retries.done("a")
    assert retries.due(["a"], 0.0) == {"a"}
    assert retries.next_s is None
    retries.failed("b", 0.0)
    assert retries.next_s == 1.0


def test_long_looks_are_seldom_and_short_ones_follow_at_once() -> None:
    assert rest_s(0.0001) < 0.001
    for look_s in (0.001, 0.015, 0.06):
        assert look_s / (look_s + rest_s(look_s)) <= 0.21
    assert rest_s(10.0) == 0.25, "what was stopped for a while need not wait as long again"
