"""When memory that sessions have left behind is given back to the system."""

from __future__ import annotations

import ctypes
import weakref
from pathlib import Path

import pytest

from miso.live.engine.freed_memory import AFTER_S, FreedMemory, collect_and_trim, trim_malloc
from miso.live.sessions.events import Event, EventKind, Events
from tests import sanitizers
from tests.live.clock import FakeClock


class House:
    def __init__(self) -> None:
        self.events = Events()
        self.clock = FakeClock()
        self.given_back = 0
        self.freed = FreedMemory(self.events, self.clock, self._give_back)

    def happens(self, kind: EventKind) -> None:
        self.events.emit(Event(kind, 0.0, "live/a", "1", "rtmp", "192.0.2.1", {}))

    def _give_back(self) -> None:
        self.given_back += 1


@pytest.mark.parametrize("kind", [EventKind.UNPUBLISH, EventKind.STOP])
def test_it_is_given_back_a_while_after_a_session_has_ended(kind: EventKind) -> None:
    house = House()
    house.happens(EventKind.PUBLISH)
    house.clock.advance(10 * AFTER_S)
    assert house.given_back == 0
    house.happens(kind)
    house.clock.advance(AFTER_S - 1)
    assert house.given_back == 0
    house.clock.advance(10 * AFTER_S)
    assert house.given_back == 1


def test_many_ends_give_it_back_seldom_and_the_last_one_does_too() -> None:
    house = House()
    for _ in range(100):
        house.happens(EventKind.STOP)
        house.clock.advance(AFTER_S / 10)
    assert house.given_back <= 10
    before = house.given_back
    house.clock.advance(10 * AFTER_S)
    assert house.given_back == before + 1


def test_nothing_happens_once_it_is_closed() -> None:
    house = House()
    house.happens(EventKind.STOP)
    house.freed.close()
    house.freed.close()
    house.happens(EventKind.STOP)
    house.clock.advance(10 * AFTER_S)
    assert house.given_back == 0


class Ended:
    """A session in a cycle, as TLS connections are."""

    def __init__(self) -> None:
        self.connection = [self]


def test_what_cycles_hold_is_given_back() -> None:
    ended = weakref.ref(Ended())
    collect_and_trim()
    assert ended() is None


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
@pytest.mark.skipif(sanitizers.are_on(), reason="ASan's malloc is in the place of glibc's")
def test_what_malloc_keeps_between_what_lives_on_goes_back_to_the_system() -> None:
    pieces = [bytes(bytearray(10_000)) for _ in range(10_000)]
    held = pieces[::10]
    del pieces
    before = resident_bytes()
    trim_malloc()
    assert before - resident_bytes() > 20_000_000
    assert len(held) == 1_000
