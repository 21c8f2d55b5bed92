"""Which sequence numbers came: no packet twice, whatever order they come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

SIZE = 2048


def test_a_packet_that_comes_again_is_known(load) -> None:
    window = load("miso.worker.rtp.received_window").ReceivedWindow()
    assert window.is_empty
    assert [window.add(number) for number in (65534, 1, 65535, 1, 65534)] == [True, True, True, False, False]
    assert window.newest == 1
    assert [window.has(number) for number in (65534, 65535, 0, 1, 2)] == [True, True, False, True, False]


def test_what_is_too_old_to_tell_counts_as_known(load) -> None:
    window = load("miso.worker.rtp.received_window").ReceivedWindow()
    window.add(5000)
    assert window.add(5000 - SIZE + 1)
    assert not window.add(5000 - SIZE)
    assert not window.has(5000 - SIZE)


def test_nothing_came_of_a_numbering_that_begins_anew(load) -> None:
    window = load("miso.worker.rtp.received_window").ReceivedWindow()
    window.add(7)
    window.clear()
    assert not window.has(7)
    assert window.add(7)


@given(start=st.integers(0, 65535), steps=st.lists(st.integers(-SIZE, SIZE + 100), max_size=60))
def test_it_knows_what_a_set_of_all_numbers_knows(load, start: int, steps: list[int]) -> None:
    window = load("miso.worker.rtp.received_window").ReceivedWindow()
    seen: set[int] = set()
    newest = number = start + 200 * SIZE
    for step in [0, *steps]:
        number += step
        is_old = number <= newest - SIZE and bool(seen)
        assert window.add(number & 0xFFFF) is (number not in seen and not is_old)
        seen.add(number)
        newest = max(newest, number) if len(seen) > 1 else number
        assert window.newest == newest & 0xFFFF
