"""What people in rooms may do with live streams, with real rooms and real streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from miso.demo.limits.per_client import NEWS_BURST
from miso.demo.rooms.live_streams import MAX_PER_ROOM, MAX_SHOWN
from miso.demo.server import DemoServer
from miso.live.access.tokens import Action, make_token
from miso.live.bridge.bridge import BridgeState
from tests.demo.bridged import bridged_server, running_bridge
from tests.demo.client import Rejected, RoomClient
from tests.demo.conftest import counted, ws_url
from tests.patience import PATIENCE_S

pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")

PATH = "live/obs"
SECRET = "a secret of players"
FAR_FUTURE_S = 4_000_000_000
NOTHING = {"shown": False, "mayBringIn": False, "streams": [], "inRoom": [], "ended": [], "more": False}


@asynccontextmanager
async def bridged(tmp_path: Path, live: dict[str, object] | None = None, **rooms: object) -> AsyncIterator[Any]:
    server = bridged_server(tmp_path, rooms={"page": "bring_in", **rooms}, more_live=live or {})
    await server.start()
    assert server.live is not None

    async def joined(room: str, peer: str) -> RoomClient:
        client = await RoomClient.connect(ws_url(server), room, peer)
        await client.join()
        return client

    yield SimpleNamespace(server=server, live=server.live.live, plugin=running_bridge(server), joined=joined)
    await server.close()


def publish(live: Any, path: str = PATH, **options: object) -> Any:
    publication = live.streams.publish(path, lambda: None)
    for packet in flashes.flashes(0.5, **options):
        publication.write(packet)
    return publication


async def refusal(client: RoomClient, method: str, **data: object) -> tuple[int, str]:
    with pytest.raises(Rejected) as raised:
        await client.request(method, **data)
    return raised.value.code, raised.value.reason


async def test_a_stream_is_listed_brought_in_for_everybody_and_taken_out_by_another(tmp_path: Path) -> None:
    async with bridged(tmp_path) as at:
        ana, ben, eve = await at.joined("r", "ana"), await at.joined("r", "ben"), await at.joined("other", "eve")
        publish(at.live)
        listed = {"shown": True, "mayBringIn": True, "streams": [{"stream": PATH, "codecs": ["avc1", "mp4a"]}]}
        assert await ana.request("getLiveStreams") == {**listed, "inRoom": [], "ended": [], "more": False}
        await ana.request("bringInLiveStream", stream=PATH)
        assert (await ben.seen("newPeer", lambda peer: peer["id"] != "ana"))["displayName"] == PATH
        shown = await ben.request("getLiveStreams")
        there = {"stream": PATH, "displayName": PATH, "state": "running", "reason": "", "mayTakeOut": True}
        assert shown["inRoom"] == [there]
        assert (await eve.request("getLiveStreams"))["inRoom"] == []
        assert (await refusal(ben, "bringInLiveStream", stream=PATH))[0] == 409
        assert (await refusal(eve, "takeOutLiveStream", stream=PATH))[0] == 404
        await ben.request("takeOutLiveStream", stream=PATH)
        await ana.seen("peerClosed")
        assert (await ana.request("getLiveStreams"))["inRoom"] == []


async def test_what_cannot_be_is_told_with_the_reason(tmp_path: Path) -> None:
    async with bridged(tmp_path) as at:
        ana = await at.joined("r", "ana")
        assert await refusal(ana, "bringInLiveStream", stream=PATH) == (404, f"{PATH} is not published")
        assert (await refusal(ana, "bringInLiveStream", stream="a//b"))[0] == 409
        publish(at.live, options={"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal"})
        code, reason = await refusal(ana, "bringInLiveStream", stream=PATH)
        assert (code, "bframes=0" in reason) == (409, True)
        assert (await ana.request("getLiveStreams"))["ended"] == [{"stream": PATH, "reason": reason}]
        for data in ({}, {"stream": ""}, {"stream": 1}, {"stream": "x" * 513}, {"stream": "x", "token": "x" * 1001}):
            await refusal(ana, "bringInLiveStream", **data)
        stranger = await RoomClient.connect(ws_url(at.server), "r", "stranger")
        for method in ("getLiveStreams", "bringInLiveStream", "takeOutLiveStream"):
            assert await refusal(stranger, method, stream=PATH) == (500, "Peer not yet joined")


@pytest.mark.parametrize(("page", "shown"), [("off", False), ("list", True)])
async def test_the_operator_says_what_people_may(tmp_path: Path, page: str, shown: bool) -> None:
    async with bridged(tmp_path, page=page) as at:
        publish(at.live)
        ana = await at.joined("r", "ana")
        answer = await ana.request("getLiveStreams")
        assert (answer["shown"], answer["mayBringIn"], len(answer["streams"])) == (shown, False, int(shown))
        assert (await refusal(ana, "bringInLiveStream", stream=PATH))[0] == 403
        assert (await refusal(ana, "takeOutLiveStream", stream=PATH))[0] == 403


async def test_without_a_live_side_nothing_is_shown(server: DemoServer, url: str) -> None:
    ana = await RoomClient.connect(url, "r", "ana")
    await ana.join()
    assert await ana.request("getLiveStreams") == NOTHING
    assert (await refusal(ana, "bringInLiveStream", stream=PATH))[0] == 403


async def test_nobody_learns_of_other_rooms_or_sees_into_them(tmp_path: Path) -> None:
    async with bridged(tmp_path) as at:
        await at.joined("secret", "eve")
        for path in ("", "live/stage"):
            bridge = at.plugin.publish("secret", "eve" if path else "*", path)
            await bridge.settled()
            assert bridge.state is BridgeState.RUNNING
        ana = await at.joined("r", "ana")
        assert (await ana.request("getLiveStreams"))["streams"] == []
        for path in ("rooms/secret", "rooms/other", "live/stage"):
            assert await refusal(ana, "bringInLiveStream", stream=path) == (409, f"{path} comes from a room")


async def test_what_settings_and_programs_brought_in_stays(tmp_path: Path) -> None:
    async with bridged(tmp_path) as at:
        ana = await at.joined("r", "ana")
        publish(at.live)
        await at.plugin.bring_in(PATH, "r", "OBS").settled()
        (there,) = (await ana.request("getLiveStreams"))["inRoom"]
        assert (there["displayName"], there["mayTakeOut"]) == ("OBS", False)
        assert (await refusal(ana, "takeOutLiveStream", stream=PATH))[0] == 404
        await ana.close()
        async with asyncio.timeout(PATIENCE_S):
            while at.server.rooms.rooms[0].sessions:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        ben = await at.joined("r", "ben")
        assert [one["state"] for one in (await ben.request("getLiveStreams"))["inRoom"]] == ["running"]


async def test_when_the_last_person_leaves_the_stream_and_the_room_go_too(tmp_path: Path) -> None:
    async with bridged(tmp_path) as at:
        ana, ben = await at.joined("r", "ana"), await at.joined("r", "ben")
        publish(at.live)
        await ana.request("bringInLiveStream", stream=PATH)
        await ana.close()
        await ben.seen("peerClosed")
        assert len((await ben.request("getLiveStreams"))["inRoom"]) == 1
        await ben.close()
        async with asyncio.timeout(PATIENCE_S):
            while len(at.server.rooms) or list(at.plugin):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_who_plays_needs_a_token_so_does_who_brings_in(tmp_path: Path) -> None:
    async with bridged(tmp_path, {"access": {"play_secret": SECRET}}) as at:
        ana = await at.joined("r", "ana")
        publish(at.live)
        assert (await refusal(ana, "bringInLiveStream", stream=PATH))[0] == 401
        other = make_token(SECRET.encode(), Action.PLAY, "live/other", FAR_FUTURE_S)
        assert (await refusal(ana, "bringInLiveStream", stream=PATH, token=other))[0] == 403
        token = make_token(SECRET.encode(), Action.PLAY, PATH, FAR_FUTURE_S)
        await ana.request("bringInLiveStream", stream=PATH, token=token)


async def test_limits_of_a_room_and_of_all_rooms_are_told_and_counted(tmp_path: Path) -> None:
    async with bridged(tmp_path, max_from_page=MAX_PER_ROOM + 1) as at:
        ana, ben = await at.joined("r", "ana"), await at.joined("s", "ben")
        for number in range(MAX_PER_ROOM + 2):
            publish(at.live, f"live/{number}")
        for number in range(MAX_PER_ROOM):
            await ana.request("bringInLiveStream", stream=f"live/{number}")
        assert (await refusal(ana, "bringInLiveStream", stream="live/4"))[0] == 503
        await ben.request("bringInLiveStream", stream="live/4")
        assert (await refusal(ben, "bringInLiveStream", stream="live/5"))[0] == 503
        for limit in ("live_streams_per_room", "live_streams_from_page"):
            assert await counted(at.server, "refusals", limit=limit) == 1
        await ana.request("takeOutLiveStream", stream="live/0")
        await ben.request("bringInLiveStream", stream="live/5")


async def test_a_long_list_is_cut_and_asked_for_less_often_than_other_things(tmp_path: Path) -> None:
    async with bridged(tmp_path) as at:
        for number in range(MAX_SHOWN + 1):
            publication = at.live.streams.publish(f"live/{number}", lambda: None)
            publication.write(next(iter(flashes.flashes(0.1))))
        ana = await at.joined("r", "ana")
        answer = await ana.request("getLiveStreams")
        assert (len(answer["streams"]), answer["more"]) == (MAX_SHOWN, True)
        asked = [ana.request("getLiveStreams") for _ in range(2 * NEWS_BURST)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, Rejected)]
        assert refused
        assert {one.code for one in refused} == {429}
