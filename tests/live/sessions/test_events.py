"""Events: who is told, and in which order."""

from __future__ import annotations

import pytest

from miso.live.errors import LimitError
from miso.live.sessions import events as room
from miso.live.sessions.events import Event, EventKind, Events


def event(path: str) -> Event:
    return Event(EventKind.PLAY, 0.0, path)


def test_everybody_is_told_until_it_wants_no_more() -> None:
    events = Events()
    first: list[Event] = []
    second: list[Event] = []
    leave = events.subscribe(first.append)
    events.subscribe(second.append)
    events.emit(event("a"))
    leave()
    leave()
    events.emit(event("b"))
    assert [each.path for each in first] == ["a"]
    assert [each.path for each in second] == ["a", "b"]


def test_one_who_fails_costs_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    events = Events()
    told: list[Event] = []

    def fail(_: Event) -> None:
        raise KeyError("bug")

    events.subscribe(fail)
    events.subscribe(told.append)
    events.emit(event("a"))
    events.emit(event("b"))
    assert [each.path for each in told] == ["a", "b"]
    assert events.failures == 2
    assert sum(record.exc_info is not None for record in caplog.records) == 2


def test_what_an_event_brings_about_is_told_after_it_to_everybody() -> None:
    events = Events()
    told: list[str] = []

    def answer(what: Event) -> None:
        if what.path == "a":
            events.emit(event("b"))

    events.subscribe(answer)
    events.subscribe(lambda what: told.append(what.path))
    events.emit(event("a"))
    assert told == ["a", "b"]


def test_who_leaves_while_it_is_told_takes_nobody_along() -> None:
    events = Events()
    told: list[str] = []
    leave = events.subscribe(lambda _: leave())
    events.subscribe(lambda what: told.append(what.path))
    events.emit(event("a"))
    events.emit(event("b"))
    assert told == ["a", "b"]


def test_a_subscriber_that_answers_each_event_with_two_meets_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_WAITING", 100)
    events = Events()
    told = 0

    def twice(_: Event) -> None:
        nonlocal told
        told += 1
        if told < 1_000:
            events.emit(event("x"))
            events.emit(event("x"))

    events.subscribe(twice)
    events.emit(event("x"))
    assert told < 2_000
    assert events.dropped > 0


def test_there_may_be_so_many_subscribers() -> None:
    events = Events()
    for _ in range(room.MAX_SUBSCRIBERS):
        events.subscribe(lambda _: None)
    with pytest.raises(LimitError):
        events.subscribe(lambda _: None)
