"""Listeners of server-sent events who read slowly, and their end."""

from __future__ import annotations

import contextlib
import json

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from miso.live.errors import LimitError
from miso.live.sessions.events import Event, EventKind, Events
from miso.live.statistics.server_sent_events import MOST_WAITING, EventStream, Listeners


def event(path: str) -> Event:
    return Event(EventKind.PLAY, 0.0, path)


async def test_who_reads_slowly_is_told_how_much_it_missed() -> None:
    events = Events()
    listeners = Listeners(events, 1)
    listener = listeners.listen()
    lines = listener.lines()
    await anext(lines)
    for number in range(MOST_WAITING + 5):
        events.emit(event(str(number)))
    told = [await anext(lines) for _ in range(MOST_WAITING + 1)]
    events.emit(event("after"))
    told.append(await anext(lines))
    datas = [json.loads(line.partition("data: ")[2]) for line in told]
    assert [data["path"] for data in datas[:MOST_WAITING]] == [str(number) for number in range(MOST_WAITING)]
    assert datas[MOST_WAITING] == {"events": 5}
    assert datas[MOST_WAITING + 1]["path"] == "after"
    assert listeners.missed == 5
    listener.close()
    listener.close()
    assert listeners.listening == 0


@pytest.mark.parametrize("waiting", [0, 1, MOST_WAITING])
async def test_all_end_with_the_server(waiting: int) -> None:
    events = Events()
    listeners = Listeners(events, 1)
    listener = listeners.listen()
    lines = listener.lines()
    await anext(lines)
    for number in range(waiting):
        events.emit(event(str(number)))
    listeners.close()
    assert len([line async for line in lines]) == min(waiting, MOST_WAITING - 1)


async def test_no_more_than_may_and_a_place_is_taken_before_the_first_line() -> None:
    listeners = Listeners(Events(), 1)
    listener = listeners.listen()
    with pytest.raises(LimitError):
        listeners.listen()
    listener.close()
    listeners.listen().close()


async def test_a_place_comes_back_from_who_has_gone_before_the_first_line() -> None:
    listeners = Listeners(Events(), 1)
    answer = EventStream(listeners.listen())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise OSError("the connection is gone")

    with contextlib.suppress(ClientDisconnect, OSError):
        await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)
    assert listeners.listening == 0


async def test_a_path_cannot_make_lines_of_its_own() -> None:
    events = Events()
    lines = Listeners(events, 1).listen().lines()
    await anext(lines)
    events.emit(event("a\n\nevent: publish\ndata: {}\u2028<script>"))
    assert (await anext(lines)).count("\n") == 3
