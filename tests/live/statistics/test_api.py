"""The JSON API of operators, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from miso.live.access.asking import Asking
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.sessions.session import Counts, EndReason, Role
from tests.live.statistics.house import running


async def test_a_stream_is_shown_with_its_tracks_publisher_and_players() -> None:
    async with running() as house:
        publisher, player = house.session(Role.PUBLISHER), house.session(Role.PLAYER)
        house.publish()
        publisher.bytes_in = 60_000
        player.count = lambda: Counts(bytes_out=30_000)
        house.now_s += 10
        (stream,) = (await house.get("/streams"))["streams"]
        assert stream == await house.get("/streams/live/a")
    tracks = {track["track"]: track for track in stream["tracks"]}
    assert {key: stream[key] for key in ("key", "path", "app", "name", "status", "subscribers", "outBytes")} == {
        "key": "/live/a",
        "path": "live/a",
        "app": "live",
        "name": "a",
        "status": "publishing",
        "subscribers": 1,
        "outBytes": 30_000,
    }
    assert (stream["inBps"], stream["outBps"]) == (6_000, 3_000)
    assert stream["gop"] == {"packets": 1, "bytes": 1000, "durationMs": 0}
    video, audio = tracks["video"], tracks["audio"]
    assert (video["codec"], video["width"], video["height"], video["frameRate"]) == ("avc1", 320, 180, 25)
    assert video["measuredFrameRate"] == pytest.approx(25, abs=1)
    assert video["bitrate"] == pytest.approx(25 * 1000 * 8, rel=0.05)
    assert (audio["codec"], audio["sampleRate"], audio["channels"]) == ("mp4a", 48000, 2)
    shown = stream["publisher"]
    assert (shown["id"], shown["ip"], shown["protocol"], shown["inBytes"]) == (
        publisher.id,
        "192.0.2.1",
        "rtmp",
        60_000,
    )
    assert (shown["videoCodec"], shown["videoWidth"], shown["videoHeight"], shown["videoFramerate"]) == (
        "avc1",
        320,
        180,
        25,
    )
    assert (shown["audioCodec"], shown["audioSamplerate"], shown["audioChannels"]) == ("mp4a", 48000, 2)


async def test_a_stream_without_publisher_and_one_of_sound_only_are_shown() -> None:
    async with running() as house:
        house.live.streams.get_or_create("live/waited")
        house.publish("live/gone").close()
        sound = house.live.streams.publish("deep/er/sound", lambda: None)
        sound.write(Packet(TrackId(Kind.AUDIO), Codec.MP3, 0, b"\xff\xfb\x90\x64" + bytes(400), is_key=True))
        streams = {stream["path"]: stream for stream in (await house.get("/streams"))["streams"]}
    assert streams["live/waited"]["status"] == "idle"
    assert streams["live/waited"]["tracks"] == []
    assert streams["live/gone"]["status"] == "reconnecting"
    assert streams["live/gone"]["publisher"] is None
    assert (streams["deep/er/sound"]["app"], streams["deep/er/sound"]["name"]) == ("deep/er", "sound")
    assert streams["deep/er/sound"]["gop"] is None
    (track,) = streams["deep/er/sound"]["tracks"]
    assert (track["codec"], track["sampleRate"], track["bitrate"]) == (".mp3", 44100, None)


async def test_sessions_are_shown_chosen_and_paged() -> None:
    async with running() as house:
        made = [house.session(Role.PUBLISHER), *(house.session(Role.PLAYER) for _ in range(3))]
        house.session(Role.PLAYER, "live/b")
        everybody = await house.get("/sessions")
        assert [session["id"] for session in everybody["sessions"]][:4] == [session.id for session in made]
        assert everybody["total"] == 5
        players = await house.get("/sessions?path=live/a&role=player")
        assert [session["id"] for session in players["sessions"]] == [session.id for session in made[1:]]
        page = await house.get("/sessions?offset=1&limit=2")
        assert [session["id"] for session in page["sessions"]] == [session.id for session in made[1:3]]
        assert page["total"] == 5
        one = await house.get(f"/sessions/{made[0].id}")
        assert (one["isPublisher"], one["app"], one["name"], one["createTime"]) == (True, "live", "a", 1_000_000)


@pytest.mark.parametrize("query", ["limit=-1", "limit=1001", "limit=x", "offset=1e3", "offset=٣", "offset=9999999999"])
async def test_a_page_that_cannot_be_is_an_error(query: str) -> None:
    async with running() as house:
        await house.get(f"/sessions?{query}", 400)


async def test_the_rate_is_that_of_the_time_since_somebody_looked() -> None:
    async with running() as house:
        session = house.session(Role.PUBLISHER)
        session.bytes_in = 10_000
        house.now_s += 100
        assert (await house.get(f"/sessions/{session.id}"))["inBps"] == 100
        session.bytes_in += 5_000
        house.now_s += 0.5
        assert (await house.get(f"/sessions/{session.id}"))["inBps"] == 100  # too soon
        house.now_s += 1.5
        assert (await house.get(f"/sessions/{session.id}"))["inBps"] == 2_500
        house.now_s += 3_000
        session.bytes_in = 31_020
        assert (await house.get(f"/sessions/{session.id}"))["inBps"] == 10  # nobody has looked for long


async def test_a_kicked_session_is_told_so_and_goes() -> None:
    async with running() as house:
        kicked: list[str] = []
        session = house.live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: kicked.append("let go"))
        session.begin()
        assert await house.delete(f"/sessions/{session.id}") == {"id": session.id}
        assert (kicked, session.end_reason) == (["let go"], EndReason.KICKED)
        await house.delete(f"/sessions/{session.id}", 404)
        await house.get(f"/sessions/{session.id}", 404)


async def test_a_stream_that_is_ended_takes_its_publisher_along() -> None:
    async with running() as house:
        publisher, player = house.session(Role.PUBLISHER), house.session(Role.PLAYER)
        publication = house.publish()
        await house.delete("/streams/live/a")
        assert publisher.end_reason is EndReason.KICKED
        assert not player.ended  # who reads the stream learns of its end there
        assert not publication.is_held
        await house.delete("/streams/live/a", 404)
        await house.get("/streams/live/a", 404)


async def test_sessions_that_are_over_stay_in_the_history_up_to_a_number() -> None:
    async with running(history=2) as house:
        for number in range(3):
            session = house.session(Role.PUBLISHER if number == 2 else Role.PLAYER, f"live/{number}")
            session.bytes_out = number
            house.now_s += 5
            session.end(EndReason.TOO_SLOW)
        history = await house.get("/history")
    assert (history["count"], history["page"], history["pageSize"]) == (2, 1, 20)
    newest, before = history["items"]
    assert newest["streamPath"] == "/live/2"
    assert (newest["startTime"], newest["endTime"], newest["duration"]) == (1_010_000, 1_015_000, 5_000)
    assert (newest["role"], newest["reason"], newest["outBytes"]) == ("publisher", "too slow", 2)
    assert (before["streamPath"], before["role"]) == ("/live/1", "player")


async def test_the_history_tells_how_often_a_publisher_was_played() -> None:
    async with running() as house:
        first = house.session(Role.PUBLISHER)
        house.session(Role.PLAYER).end(EndReason.DONE)
        second = house.session(Role.PUBLISHER)  # takes over
        first.end(EndReason.REPLACED)
        house.session(Role.PLAYER, "live/b")
        house.session(Role.PLAYER)
        second.end(EndReason.DONE)
        items = (await house.get("/history?role=publisher"))["items"]
    assert [(item["id"], item["playCount"]) for item in items] == [(second.id, 1), (first.id, 1)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("streamPath=/live/2", [2]),
        ("streamPath=live/2", [2]),
        ("role=player", [3, 1]),
        ("protocol=hls", []),
        ("ip=192.0.2.1&pageSize=1&page=2", [2]),
        ("search=ive/3", [3]),
        ("search=192.0", [3, 2, 1, 0]),
        ("start=1700000200000", [3, 2]),
        ("start=2023-11-14T22:16:40Z&end=1700000200000", [2]),
        ("end=2023-11-14", [3, 2, 1, 0]),
        ("end=2023-11-13", []),
        ("page=9", []),
    ],
)
async def test_the_history_is_chosen_from(query: str, expected: list[int]) -> None:
    async with running() as house:
        house.now_s = 1_700_000_000.0  # 2023-11-14T22:13:20Z
        for number in range(4):
            role = Role.PUBLISHER if number % 2 == 0 else Role.PLAYER
            house.session(role, f"live/{number}").end(EndReason.DONE)
            house.now_s += 100
        items = (await house.get(f"/history?{query}"))["items"]
    assert [int(item["name"]) for item in items] == expected


@pytest.mark.parametrize(
    "query", ["page=0", "pageSize=101", "start=x", "end=99999999999999", "start=2024-01-02&end=2024-01-01"]
)
async def test_a_history_that_cannot_be_is_an_error(query: str) -> None:
    async with running() as house:
        await house.get(f"/history?{query}", 400)


async def test_the_history_is_forgotten_of_one_stream_or_wholly() -> None:
    async with running() as house:
        for path in ("live/a", "live/b", "live/a"):
            house.session(Role.PLAYER, path).end(EndReason.DONE)
        assert await house.delete("/history?streamPath=/live/a") == {"removed": 2}
        assert (await house.get("/history"))["count"] == 1
        assert await house.delete("/history") == {"removed": 1}
        assert (await house.get("/history"))["items"] == []


async def test_anybody_may_see_whether_the_server_answers() -> None:
    async with running(secret="s") as house:
        health = await house.get("/health")
        await house.get("/info", 401)
    assert (health["status"], health["timestamp"]) == ("ok", "1970-01-01T00:16:40.000Z")


async def test_the_server_says_where_it_listens_and_what_it_asks_for() -> None:
    async with running() as house:
        house.live.ports.update(rtmp=1935, http=8000)
        info = await house.get("/info")
    assert info["server"]["name"] == "miso-sfu"
    assert {name: info["config"][name] for name in ("rtmp_port", "rtmps_port", "http_port", "auth_enabled")} == {
        "rtmp_port": 1935,
        "rtmps_port": None,
        "http_port": 8000,
        "auth_enabled": False,
    }


async def test_addresses_of_a_stream_are_those_that_are_served() -> None:
    async with running(secret="s") as house:
        house.live.ports.update(rtmp=1935, http=8000, https=443)
        headers = {"Host": "tv.example", "Authorization": "Bearer s"}
        urls = await house.get("/streams/live/a b/urls", headers=headers)
    assert (urls["streamPath"], urls["status"], urls["signed"], urls["expiresAt"]) == ("/live/a b", "idle", False, None)
    assert {one["protocol"]: one["url"] for one in urls["urls"]} == {
        "rtmp": "rtmp://tv.example/live/a b",
        "http-flv": "http://tv.example:8000/live/a%20b.flv",
        "ws-flv": "ws://tv.example:8000/live/a%20b.flv",
        "https-flv": "https://tv.example/live/a%20b.flv",
        "wss-flv": "wss://tv.example/live/a%20b.flv",
        "hls": "http://tv.example:8000/live/a%20b.m3u8",
        "https-hls": "https://tv.example/live/a%20b.m3u8",
    }


@pytest.mark.parametrize(("ttl", "holds_s"), [("", 3_600), ("?ttl=1", 60), ("?ttl=7200", 7_200)])
async def test_addresses_have_a_token_where_one_is_needed(ttl: str, holds_s: int) -> None:
    async with running(access=AccessSettings(play_secret=SecretStr("p"))) as house:
        house.live.ports["rtmp"] = 1935
        urls = await house.get(f"/streams/live/a/urls{ttl}")
        (address,) = urls["urls"]
        token = address["url"].partition("?token=")[2]
        assert token.startswith(f"{1_000 + holds_s}-")
        asking = Asking(Action.PLAY, "live/a", "rtmp", "192.0.2.1", {"token": token})
        assert await house.live.gate.admit(asking) == "live/a"
        await house.get("/streams/live/../urls", 404)


async def test_the_server_s_own_numbers() -> None:
    async with running() as house:
        house.session(Role.PUBLISHER).bytes_in = 7
        house.session(Role.PLAYER).end(EndReason.DONE)
        stats = await house.get("/stats")
    assert stats["sessions"] == {"total": 1, "publishers": 1, "players": 0}
    assert stats["network"]["inBytes"] == 7
    assert 10_000_000 < stats["memory"]["rss"] < 10_000_000_000
    assert stats["cpu"]["user"] > 0
    assert 0 <= stats["server"]["uptime"] < 600


async def test_metrics_are_there() -> None:
    async with running() as house:
        house.session(Role.PLAYER)
        response = await house.http.get("/metrics")
    assert 'miso_live_sessions{protocol="rtmp",role="player"} 1.0' in response.text


async def test_events_are_told_as_they_happen() -> None:
    async with running() as house, house.http.stream("GET", "/api/v1/events") as response:
        lines = response.aiter_lines()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert await anext(lines) == "retry: 3000"
        session = house.session(Role.PLAYER)
        session.end(EndReason.DONE)
        told = [line async for line in _until(lines, 2)]
    assert [line for line in told if line.startswith("event")] == ["event: play", "event: stop"]
    play = json.loads(next(line for line in told if line.startswith("data")).removeprefix("data: "))
    assert (play["action"], play["id"], play["path"], play["time"]) == ("play", session.id, "live/a", 1_000_000)


async def _until(lines: AsyncIterator[str], events: int) -> AsyncIterator[str]:
    async with asyncio.timeout(60):
        while events:
            line = await anext(lines)
            events -= line.startswith("data")
            yield line


async def test_no_more_listen_than_may_and_places_come_back() -> None:
    async with running(max_listeners=1) as house:
        async with house.http.stream("GET", "/api/v1/events") as response:
            await anext(response.aiter_lines())
            await house.get("/events", 503)
        async with asyncio.timeout(60):  # until the server has seen that the connection is gone
            status = 503
            while status == 503:
                async with house.http.stream("GET", "/api/v1/events") as response:
                    status = response.status_code
        assert status == 200
