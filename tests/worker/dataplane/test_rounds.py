"""The rounds: who is due has his turn, in order, once; nobody is forgotten whatever is set, moved and stopped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from miso.worker.dataplane import Plane, Rounds, Turn

NTP = 1 << 60
AT_ONCE = 64

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 19), st.integers(0, 100)),
        st.tuples(st.just("stop"), st.integers(0, 19), st.just(0)),
        st.tuples(st.just("run"), st.just(0), st.integers(0, 30)),
    ),
    max_size=120,
)


@given(STEPS)
def test_exactly_those_have_their_turn_who_are_due(steps: list[tuple[str, int, int]]) -> None:
    rounds = Rounds(Plane(), 64)
    turns = [Turn() for _ in range(20)]
    due: dict[int, int] = {}
    now_us = 0
    for what, index, number in steps:
        if what == "set":
            due[index] = now_us + number
            rounds.set(turns[index], due[index])
        elif what == "stop":
            due.pop(index, None)
            rounds.stop(turns[index])
        else:
            now_us += number
            due = {place: time for place, time in due.items() if time > now_us}
            assert rounds.run(now_us, NTP) == []
        assert [turn.due_us for turn in turns] == [due.get(place, -1) for place in range(20)]
        assert rounds.next_us == min(due.values(), default=-1)


def test_what_has_waited_long_is_not_done_all_at_once() -> None:
    rounds = Rounds(Plane(), 64)
    turns = [Turn() for _ in range(3 * AT_ONCE)]
    for number, turn in enumerate(turns):
        rounds.set(turn, number)
    for done in (AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE):
        rounds.run(10_000, NTP)
        assert [turn.due_us < 0 for turn in turns] == [number < done for number in range(len(turns))]
