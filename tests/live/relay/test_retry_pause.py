"""Pauses double up to the longest, are shortened by chance, and begin anew."""

from __future__ import annotations

from miso.live.relay.retry_pause import BackOff


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    back_off = BackOff(1.0, 5.0, lambda: 1.0)
    assert [back_off.next_s() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    back_off.reset()
    assert back_off.next_s() == 1.0


def test_chance_takes_up_to_half_of_a_pause() -> None:
    chances = iter([0.0, 0.5, 0.999])
    back_off = BackOff(4.0, 4.0, lambda: next(chances))
    assert [round(back_off.next_s(), 1) for _ in range(3)] == [2.0, 3.0, 4.0]
