"""Bridges by settings, by call and on demand: when they begin, wait, are refused, begin again and end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from miso import Worker, create_worker
from miso.demo.workers.media_workers import MEDIA_CODECS
from miso.live.bridge.bridge import Bridge, BridgeState, Direction
from miso.live.bridge.from_room.room_stream import RoomStream
from miso.live.bridge.plugin import RoomsPlugin, with_rooms
from miso.live.bridge.settings import RoomsSettings, default_path
from miso.live.engine.services import Live, make_live
from miso.live.engine.settings import LiveSettings
from miso.live.errors import RefusedError, StreamClosedError
from miso.live.media.codec import Codec
from miso.live.media.packet import Packet
from miso.live.sessions.session import EndReason, Role

pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")
one_room = pytest.importorskip("tests.live.bridge.one_room")

PATH = "live/flashes"
TIMEOUT_S = 60


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    live = make_live(LiveSettings(), asyncio.get_running_loop(), time.time)
    yield live
    live.streams.close()


@pytest.fixture
async def run(live: Live, room: Any) -> AsyncIterator[Callable[..., Any]]:
    """Runs the plugin with settings."""
    running: list[tuple[RoomsPlugin, asyncio.Task[None]]] = []

    async def run(**settings: object) -> RoomsPlugin:
        plugin = with_rooms(room)(live, RoomsSettings.model_validate(settings))
        await plugin.start()
        running.append((plugin, asyncio.create_task(plugin.run())))
        return plugin

    yield run
    for plugin, task in running:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await plugin.stop()
        await plugin.stop()
        assert list(plugin) == []
    assert len(live.sessions) == 0 or all(session.protocol != "rooms" for session in live.sessions)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # several tasks and a worker: nothing tells of all of it


def only(plugin: RoomsPlugin) -> Bridge:
    (bridge,) = plugin
    return bridge


def publish_still(live: Live) -> Any:
    """A stream with one picture and some sound, at once."""
    publication = live.streams.publish(PATH, lambda: None)
    for packet in flashes.flashes(0.2):
        publication.write(packet)
    return publication


async def test_what_the_settings_bring_in_comes_with_its_publisher_and_waits_for_the_next(
    live: Live, room: Any, run: Any
) -> None:
    plugin = await run(bring_in=[{"stream": PATH, "room": "r", "display_name": "Flashes"}])
    bridge = only(plugin)
    await until(lambda: bridge.reason)
    assert (bridge.state, bridge.reason) == (BridgeState.WAITING, "live/flashes is not published")
    publication = publish_still(live)
    session = live.sessions.open("rtmp", "192.0.2.1", Role.PUBLISHER, PATH, lambda: None)
    session.begin()
    await until(lambda: bridge.state is BridgeState.RUNNING)
    (player,) = [one for one in live.sessions.of(PATH) if one.role is Role.PLAYER]
    assert player.protocol == "rooms"
    assert room.offered.qsize() == 2
    publication.close()
    live.streams.get(PATH).close()  # type: ignore[union-attr]
    await until(lambda: room.has_left and bridge.state is BridgeState.WAITING)
    assert player.end_reason is EndReason.STREAM_ENDED
    publish_still(live)
    await until(lambda: bridge.state is BridgeState.RUNNING)
    session.end(EndReason.DONE)


async def test_what_rooms_cannot_have_is_refused_and_tried_again(live: Live, run: Any) -> None:
    publication = live.streams.publish(PATH, lambda: None)
    publication.write(Packet(flashes.VIDEO, Codec.HEVC, 0, b"x", is_key=True))
    publication.write(Packet(flashes.AUDIO, Codec.OPUS, 0, b"x", is_key=True))
    bridge = only(await run(bring_in=[{"stream": PATH, "room": "r"}]))
    await until(lambda: bridge.state is BridgeState.REFUSED)
    assert "hvc1 pictures" in bridge.reason
    publication.close()
    live.streams.get(PATH).close()  # type: ignore[union-attr]
    publish_still(live)
    await until(lambda: bridge.state is BridgeState.RUNNING)


async def test_what_was_called_for_ends_with_its_stream(live: Live, room: Any, run: Any) -> None:
    plugin = await run()
    with pytest.raises(StreamClosedError, match="not published"):
        plugin.bring_in(PATH, "r")
    publish_still(live)
    bridge = plugin.bring_in(PATH, "r")
    assert plugin.get(bridge.id) is bridge
    with pytest.raises(RefusedError, match=bridge.id):
        plugin.bring_in(PATH, "r")
    await until(lambda: bridge.state is BridgeState.RUNNING)
    live.streams.get(PATH).close()  # type: ignore[union-attr]
    await until(lambda: bridge.state is BridgeState.ENDED)
    assert list(plugin) == []
    assert room.has_left


async def test_an_operator_who_kicks_it_ends_it(live: Live, room: Any, run: Any) -> None:
    publish_still(live)
    bridge = only(await run(bring_in=[{"stream": PATH, "room": "r"}]))
    await until(lambda: bridge.state is BridgeState.RUNNING)
    (player,) = live.sessions.of(PATH)
    player.kick()
    await until(lambda: bridge.state is BridgeState.ENDED)
    assert room.has_left
    assert player.end_reason is EndReason.KICKED


async def test_a_room_that_the_settings_publish_is_a_stream_while_it_is_there(live: Live, room: Any, run: Any) -> None:
    room.is_there = False
    bridge = only(await run(publish=[{"room": "r", "who": "ada", "stream": "stage/ada"}]))
    assert bridge.route.direction is Direction.FROM_ROOM
    await until(lambda: bridge.reason)
    assert bridge.state is BridgeState.WAITING
    room.is_there = True
    ada = await room.camera("ada", sound=False)
    await until(lambda: bridge.carrier is not None and bridge.carrier.sent_bytes)
    stream = live.streams.get("stage/ada")
    assert stream is not None
    assert next(iter(stream.tracks.values())).codec is Codec.H264
    ada.close()


async def test_a_room_takes_no_stream_back_from_the_publisher_who_took_it_over(room: Any) -> None:
    settings = LiveSettings.model_validate({"streams": {"takeover": "replace", "grace": 1}})
    live = make_live(settings, asyncio.get_running_loop(), time.time)
    ended: list[EndReason | None] = []
    plugin = with_rooms(room)(live, RoomsSettings.model_validate({"publish": [{"room": "r", "stream": PATH}]}))
    await plugin.start()
    bridge = only(plugin)
    await until(lambda: bridge.state is BridgeState.RUNNING)
    (session,) = live.sessions.of(PATH)
    publication = live.streams.publish(PATH, lambda: ended.append(None))
    await until(lambda: bridge.state is BridgeState.REFUSED)
    assert bridge.reason == f"{PATH} is being published"
    assert session.end_reason is EndReason.REPLACED
    assert publication.is_held
    publication.close()
    await until(lambda: bridge.state is BridgeState.RUNNING)
    assert not ended
    await plugin.stop()
    live.streams.close()


async def test_a_player_who_begins_asks_the_rooms_sender_for_a_key_frame(live: Live, room: Any, run: Any) -> None:
    plugin = await run(publish=[{"room": "r", "who": "ada", "stream": PATH}], key_frame_interval=0)
    ada = await room.camera("ada", sound=False)
    bridge = only(plugin)
    await until(lambda: isinstance(bridge.carrier, RoomStream) and bridge.carrier.sent_bytes)
    carrier = bridge.carrier
    assert isinstance(carrier, RoomStream)

    def asks() -> bool:
        asked = carrier.counts.key_frame_requests
        player = live.sessions.open("http-flv", "192.0.2.1", Role.PLAYER, PATH, lambda: None)
        player.begin()
        player.end(EndReason.DONE)
        return carrier.counts.key_frame_requests > asked

    assert not asks()  # the last one is fresh
    await until(asks)
    ada.close()


async def test_who_plays_a_room_begins_it_and_it_ends_when_nobody_does(live: Live, room: Any, run: Any) -> None:
    plugin = await run(on_demand=True, on_demand_idle=1)
    ada = await room.camera("ada", sound=False)
    live.streams.want("rooms/r/ada/more")
    live.streams.want("live/other")
    assert list(plugin) == []
    stream = live.streams.want("rooms/r/ada")
    player = live.sessions.open("http-flv", "192.0.2.1", Role.PLAYER, "rooms/r/ada", lambda: None)
    player.begin()
    assert await asyncio.wait_for(stream.wait_for_tracks(), TIMEOUT_S)
    bridge = only(plugin)
    await asyncio.sleep(2.5)  # longer than it may be idle
    assert bridge.state is BridgeState.RUNNING
    player.end(EndReason.DONE)
    await until(lambda: bridge.state is BridgeState.ENDED)
    ada.close()


async def test_nobody_looks_into_rooms_unless_it_is_set(live: Live, room: Any, run: Any) -> None:
    plugin = await run()
    live.streams.want("rooms/r/ada")
    assert list(plugin) == []


async def test_bridges_are_bounded(live: Live, run: Any) -> None:
    plugin = await run(max_bridges=2)
    plugin.publish("r", "a")
    plugin.publish("r", "b")
    with pytest.raises(RefusedError, match="more are not allowed"):
        plugin.publish("r", "c")


async def test_a_room_comes_back_when_its_worker_has_died(live: Live, room: Any, worker: Worker, run: Any) -> None:
    publish_still(live)
    bridge = only(await run(bring_in=[{"stream": PATH, "room": "r"}]))
    await until(lambda: bridge.state is BridgeState.RUNNING)
    worker.kill("a test")
    await until(lambda: bridge.state is BridgeState.WAITING)
    async with await create_worker(log_level="warn") as another:
        room.router = await another.create_router(media_codecs=MEDIA_CODECS)
        await until(lambda: bridge.state is BridgeState.RUNNING)
        await bridge.stop()


async def test_nothing_is_left_of_bridges_that_have_ended(live: Live, room: Any, worker: Worker, run: Any) -> None:
    plugin = await run()
    publish_still(live)
    ada = await room.camera("ada", sound=False)

    async def there_and_back() -> None:
        bridges = [plugin.bring_in(PATH, "r"), plugin.publish("r", "ada", "stage/ada")]
        await until(lambda: all(one.state is BridgeState.RUNNING for one in bridges))
        for bridge in bridges:
            await bridge.stop()
        live.streams.get("stage/ada").close()  # type: ignore[union-attr]

    await there_and_back()  # the first one loads PyAV
    descriptors, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
    transports = len((await room.router.dump()).transport_ids)
    for _ in range(10):
        await there_and_back()
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert len(asyncio.all_tasks()) <= tasks
    assert len((await room.router.dump()).transport_ids) == transports
    assert len(live.sessions) == 0
    ada.close()


@pytest.mark.parametrize(("room_id", "who"), [("a/b", "*"), ("a", "b/c"), ("..", "*"), ("a", "")])
def test_names_that_fit_into_no_path_need_one_of_their_own(room_id: str, who: str) -> None:
    with pytest.raises(RefusedError):
        default_path(room_id, who)


def test_settings_say_what_is_wrong_with_them() -> None:
    with pytest.raises(ValidationError, match="cannot be a stream's path"):
        RoomsSettings.model_validate({"bring_in": [{"stream": "a//b", "room": "r"}]})
    with pytest.raises(ValidationError, match=r"bring_in\.0\.stream"):
        RoomsSettings.model_validate({"bring_in": [{"room": "r"}]})
    assert default_path("r", "*") == "rooms/r"
    assert default_path("r", "ada") == "rooms/r/ada"
