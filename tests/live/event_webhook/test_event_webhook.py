"""The webhook that is told of events, against a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import generate_latest

from miso.live.engine.services import Live, make_live
from miso.live.engine.settings import LiveSettings
from miso.live.event_webhook.plugin import EventWebhookPlugin
from miso.live.event_webhook.sender import EventSender
from miso.live.event_webhook.settings import EventWebhookSettings
from miso.live.sessions.events import Event, EventKind
from miso.live.sessions.session import EndReason, Role
from miso.live.webhooks.poster import Poster
from tests.live.webhooks.program import Program, Request, http_answer


class HastyClock:
    """Notes how long somebody wants to wait, and lets it wait for one turn of the loop."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def time(self) -> float:
        return sum(self.waits)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.Handle:
        self.waits.append(delay)
        return asyncio.get_running_loop().call_soon(callback)


def event(path: str, number: int = 0) -> Event:
    return Event(EventKind.PLAY, float(number), path, "id", "rtmp", "192.0.2.1")


def sender(program: Program, clock: HastyClock, **more: object) -> EventSender:
    settings = EventWebhookSettings.model_validate({"url": program.url, **more})
    return EventSender(Poster(program.url, None, settings.timeout, settings.at_once, lambda: 0.0), settings, clock)


def told(program: Program) -> list[tuple[str, int]]:
    return [(request.content["path"], request.content["time"] // 1000) for request in program.requests]


async def test_tells_what_happens_to_a_session() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        live = make_live(LiveSettings(), asyncio.get_running_loop(), lambda: 5.5)
        plugin = EventWebhookPlugin(
            live, EventWebhookSettings.model_validate({"url": program.url, "secret": "s", "events": ["play", "stop"]})
        )
        await plugin.start()
        for role in (Role.PLAYER, Role.PUBLISHER):  # who publishes, it has not asked for
            session = live.sessions.open("rtmp", "192.0.2.1", role, "live/sub/a", lambda: None)
            session.begin()
            session.bytes_out = 7
            session.end(EndReason.TOO_SLOW, "for 10 s")
        await program.told(2)
        await plugin.stop()
        text = generate_latest(live.metrics).decode()
    common = {
        "path": "live/sub/a",
        "app": "live/sub",
        "name": "a",
        "streamPath": "/live/sub/a",
        "ip": "192.0.2.1",
        "protocol": "rtmp",
        "isPublisher": False,
        "time": 5500,
        "createTime": 5500,
    }
    first, second = (request.content for request in program.requests)
    assert len(first.pop("id")) == len(second.pop("id")) == 16
    assert first == {"action": "play", **common}
    assert second == {
        "action": "stop",
        "reason": "too slow",
        "detail": "for 10 s",
        "endTime": 5500,
        "inBytes": 0,
        "outBytes": 7,
        "droppedPackets": 0,
        **common,
    }
    assert "webhook-signature" in program.requests[0].headers
    assert "webhook_events" not in text  # it has taken its numbers along


async def test_keeps_the_order_of_each_stream_and_one_does_not_wait_for_another() -> None:
    failures = {"live/a": 3}

    def answer(request: Request) -> bytes:
        path = request.content["path"]
        failures[path] = failures.get(path, 0) - 1
        return http_answer(503 if failures[path] >= 0 else 200)

    clock = HastyClock()
    async with Program(answer) as program:
        events = sender(program, clock)
        for number in range(5):
            events.send(event("live/a", number))
            events.send(event("live/b", number))
        await events.close(60)
    assert [number for path, number in told(program) if path == "live/a"] == [0, 0, 0, 0, 1, 2, 3, 4]
    assert [number for path, number in told(program) if path == "live/b"] == [0, 1, 2, 3, 4]
    assert clock.waits == [1, 2, 4]
    assert (events.sent, events.dropped, events.waiting) == (10, 0, 0)


async def test_an_event_that_is_sent_again_has_the_same_id() -> None:
    async with Program(lambda request: http_answer(503 if len(program.requests) == 1 else 200)) as program:
        events = sender(program, HastyClock())
        events.send(event("live/a"))
        events.send(event("live/a"))
        await events.close(60)
    first, again, other = (request.headers["webhook-id"] for request in program.requests)
    assert first == again != other


async def test_gives_up_in_the_end_and_goes_on_with_the_next() -> None:
    clock = HastyClock()
    async with Program(lambda request: http_answer(500 if request.content["time"] == 0 else 200)) as program:
        events = sender(program, clock, attempts=9)
        events.send(event("live/a", 0))
        events.send(event("live/a", 1))
        await events.close(60)
    assert [number for _, number in told(program)] == [0] * 9 + [1]
    assert clock.waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (events.sent, events.dropped, events.waiting) == (1, 1, 0)


@pytest.mark.parametrize(("status", "times"), [(404, 1), (410, 1), (408, 3), (429, 3), (302, 3)])
async def test_what_is_refused_is_not_sent_again(status: int, times: int) -> None:
    async with Program(lambda request: http_answer(status)) as program:
        events = sender(program, HastyClock(), attempts=3)
        events.send(event("live/a"))
        await events.close(60)
    assert len(program.requests) == times
    assert events.dropped == 1


async def test_no_more_wait_than_may() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        program.held.clear()
        events = sender(program, HastyClock(), max_waiting=10)
        for number in range(15):
            events.send(event(f"live/{number % 3}", number))
        assert (events.waiting, events.dropped) == (10, 5)
        program.held.set()
        await events.close(60)
    assert sorted(number for _, number in told(program)) == list(range(10))


async def test_a_program_that_is_down_for_an_hour_costs_a_bounded_queue_and_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each event is tried for two minutes; so what waits when the program comes back is late, but in order."""
    clock = HastyClock()
    async with Program(lambda request: http_answer(503 if clock.time() < 3_600 else 200)) as program:
        events = sender(program, clock, max_waiting=50)
        for number in range(60):
            events.send(event("live/a", number))
        assert (events.waiting, events.dropped) == (50, 10)
        await events.close(60)
    taken = [number for _, number in told(program)][-events.sent :]
    assert taken == list(range(50 - events.sent, 50))
    # 29 events were given up after 8 attempts within 123 s each; the seventh attempt of the next one is behind the hour
    assert (events.sent, events.dropped, events.waiting) == (21, 39, 0)
    assert events.failures == 29 * 8 + 6
    assert "an event was dropped" in caplog.text


async def test_the_end_does_not_wait_for_a_program_that_does_not_answer() -> None:
    async with Program(lambda request: None) as program:
        events = sender(program, HastyClock(), timeout=60)
        for path in ("live/a", "live/a", "live/b"):
            events.send(event(path))
        await program.told(2)
        await events.close(0.01)
        await events.close(0.01)
    assert (events.sent, events.dropped, events.waiting) == (0, 3, 0)


async def test_without_an_address_it_does_nothing() -> None:
    live = make_live(LiveSettings(), asyncio.get_running_loop(), lambda: 0.0)
    plugin = EventWebhookPlugin(live, EventWebhookSettings())
    await plugin.start()
    live.events.emit(event("live/a"))
    await plugin.stop()
    await plugin.stop()


def shown(live: Live) -> dict[str, Any]:
    return {
        f"{sample.name}{list(sample.labels.values())}": sample.value
        for family in live.metrics.collect()
        for sample in family.samples
    }


async def test_its_numbers_are_metrics() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        program.held.clear()
        live = make_live(LiveSettings(), asyncio.get_running_loop(), lambda: 0.0)
        settings = EventWebhookSettings.model_validate({"url": program.url, "max_waiting": 1})
        plugin = EventWebhookPlugin(live, settings)
        await plugin.start()
        live.events.emit(event("live/a"))
        live.events.emit(event("live/a"))
        numbers = shown(live)
        program.held.set()
        await plugin.stop()
    assert numbers["miso_live_webhook_events_waiting[]"] == 1
    assert numbers["miso_live_webhook_events_dropped_total[]"] == 1
    assert numbers["miso_live_webhook_events_sent_total[]"] == 0
