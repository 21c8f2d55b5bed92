"""What requests for FLV are answered."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from miso.live.access.tokens import Action, make_token
from miso.live.errors import ParseError
from miso.live.flv_server.request import FlvRequest, read_request
from miso.live.media.flv import FlvReader, TagType
from miso.live.sessions.session import EndReason, Role
from miso.live.streams.subscription import Start
from tests.live.broadcast.test_broadcast import AUDIO_CONFIG, until, video_config
from tests.live.flv_server.house import PATH, Content, House, house
from tests.live.streams.packets import picture, sound
from tests.patience import PATIENCE_S

PACKETS = [video_config(), AUDIO_CONFIG, picture(0, key=True), sound(5), picture(40), sound(45)]
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
)
QUICK: dict[str, Any] = {"streams": {"wait": 0.05, "tracks_wait": 0.05, "grace": 0}}


async def read_flv(reader: asyncio.StreamReader, tags: int) -> tuple[Content, FlvReader, list[TagType]]:
    """The answer, and the types of so many tags at least."""
    content, flv = Content(), FlvReader()
    found: list[TagType] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < tags:
            data = await reader.read(1 << 16)
            assert data, found
            found += [tag.tag_type for tag in flv.feed(content.feed(data))]
    assert content.status == 200
    return content, flv, found


@pytest.mark.parametrize(
    ("path", "query", "asked"),
    [
        ("/live/a.flv", {}, FlvRequest("live/a", Start.FAST, True, True, 0)),
        ("/live/deep/er/a.b.flv", {"start": "key"}, FlvRequest("live/deep/er/a.b", Start.KEY, True, True, 0)),
        ("/live/a.flv", {"onlyVideo": "", "track": "7"}, FlvRequest("live/a", Start.FAST, False, True, 7)),
        ("/live/a.flv", {"onlyAudio": "1", "start": "live"}, FlvRequest("live/a", Start.LIVE, True, False, 0)),
        ("/live/a.flv", {"onlyAudio": "false"}, FlvRequest("live/a", Start.FAST, True, True, 0)),
    ],
)
def test_reads_what_is_asked_for(path: str, query: dict[str, str], asked: FlvRequest) -> None:
    assert read_request(path, query) == asked


@pytest.mark.parametrize(
    "query", [{"start": "past"}, {"track": "256"}, {"track": "-1"}, {"track": "²"}, {"onlyAudio": "", "onlyVideo": ""}]
)
def test_what_makes_no_sense_is_no_request(query: dict[str, str]) -> None:
    with pytest.raises(ParseError):
        read_request("/live/a.flv", query)


async def test_options_and_head_are_answered_and_every_origin_may_play() -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        status, headers, body = await made.ask(f"/{PATH}.flv", method="OPTIONS")
        assert status.split()[1] == "204"
        assert headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        status, headers, body = await made.ask(f"/{PATH}.flv", method="HEAD")
        assert (status.split()[1], headers["content-type"], body) == ("200", "video/x-flv", b"")
        assert headers["access-control-allow-origin"] == "*"
        assert (await made.ask(f"/{PATH}.flv", method="PUT"))[0].split()[1] == "405"


async def test_get_answers_with_flv_at_once_and_counts_what_is_sent() -> None:
    async with house(**QUICK) as made:
        publication = made.live.streams.publish(PATH, lambda: None)
        for packet in PACKETS:
            publication.write(packet)
        reader, writer = await made.connect()
        writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        content, flv, found = await read_flv(reader, 7)
        assert content.headers["content-type"] == "video/x-flv"
        assert content.headers["connection"] == "close"
        assert "no-cache" in content.headers["cache-control"]
        assert flv.header == (True, True)
        assert found[0] is TagType.SCRIPT
        (session,) = made.live.sessions.of(PATH)
        assert (session.protocol, session.role) == ("http-flv", Role.PLAYER)
        assert session.counts().bytes_out > 500
        writer.close()
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.DONE] == 1


async def test_a_stream_that_nobody_publishes_is_404_after_the_wait_and_one_that_comes_meanwhile_is_played() -> None:
    async with house(streams={"wait": 0.3, "tracks_wait": 0.05}) as made:
        started = time.monotonic()
        status, headers, _ = await made.ask("/live/nothing.flv")
        assert status.split()[1] == "404"
        assert headers["access-control-allow-origin"] == "*"
        assert time.monotonic() - started >= 0.29
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.STREAM_ENDED] == 1
        reader, writer = await made.connect()
        writer.write(b"GET /live/soon.flv HTTP/1.0\r\n\r\n")
        await until(lambda: made.live.streams.get("live/soon") is not None)
        made.publish(PACKETS, "live/soon")
        await read_flv(reader, 4)
        writer.close()


@pytest.mark.parametrize("query", ["start=never", "track=x", "onlyVideo&onlyAudio"])
async def test_parameters_that_make_no_sense_are_400(query: str) -> None:
    async with house(**QUICK) as made:
        assert (await made.ask(f"/{PATH}.flv?{query}"))[0].split()[1] == "400"
        assert not len(made.live.sessions)


@pytest.mark.parametrize("path", ["/live/../a.flv", "/live//a.flv", "/.flv", "/live/%00.flv", "/live/%5c.flv"])
async def test_paths_that_no_stream_has_are_404(path: str) -> None:
    async with house(**QUICK) as made:
        assert (await made.ask(path))[0].split()[1] == "404"


async def test_without_a_token_401_with_a_wrong_one_403_and_nothing_of_the_stream() -> None:
    async with house(access={"play_secret": "sesame"}, **QUICK) as made:
        made.publish(PACKETS)
        status, headers, body = await made.ask(f"/{PATH}.flv")
        assert status.split()[1] == "401"
        assert "www-authenticate" in headers
        assert not body.startswith(b"FLV")
        other = make_token(b"sesame", Action.PLAY, "live/other", int(time.time()) + 60)
        assert (await made.ask(f"/{PATH}.flv?token={other}"))[0].split()[1] == "403"
        with pytest.raises(InvalidStatus) as refused:
            await connect(made.url.replace("http", "ws"))
        assert refused.value.response.status_code == 401
        token = make_token(b"sesame", Action.PLAY, PATH, int(time.time()) + 60)
        reader, writer = await made.connect()
        writer.write(f"GET /{PATH}.flv?token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert (await read_flv(reader, 3))[1].header == (True, True)
        writer.close()


@pytest.mark.parametrize(
    ("query", "header", "type_"),
    [("onlyVideo", (False, True), TagType.VIDEO), ("onlyAudio", (True, False), TagType.AUDIO)],
)
async def test_only_what_is_asked_for_comes_and_the_header_says_so(
    query: str, header: tuple[bool, bool], type_: TagType
) -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        reader, writer = await made.connect()
        writer.write(f"GET /{PATH}.flv?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        _, flv, found = await read_flv(reader, 6)
        assert flv.header == header
        assert set(found) == {TagType.SCRIPT, type_}
        writer.close()


async def test_what_a_stream_does_not_have_is_404() -> None:
    async with house(**QUICK) as made:
        made.publish([video_config(), picture(0, key=True)])
        assert (await made.ask(f"/{PATH}.flv?onlyAudio"))[0].split()[1] == "404"
        assert (await made.ask(f"/{PATH}.flv?track=3"))[0].split()[1] == "404"


async def test_limits_of_players_are_503() -> None:
    async with house(sessions={"max_players_per_address": 1}, **QUICK) as made:
        made.publish(PACKETS)
        reader, writer = await made.connect()
        writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await read_flv(reader, 3)
        assert (await made.ask(f"/{PATH}.flv"))[0].split()[1] == "503"
        writer.close()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_the_end_of_the_stream_ends_the_answer(version: str) -> None:
    async with house(**QUICK) as made:
        publication = made.publish(PACKETS)
        reader, writer = await made.connect()
        writer.write(f"GET /{PATH}.flv HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
        content, _, _ = await read_flv(reader, 3)
        assert content.headers.get("transfer-encoding") == ("chunked" if version == "1.1" else None)
        async with connect(made.url.replace("http", "ws")) as websocket:
            await websocket.recv()
            await made.stop()
            publication.close()
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(ConnectionClosedOK):
                    await drain(websocket)
        async with asyncio.timeout(PATIENCE_S):
            last = await reader.read()
        content.feed(last)
        if version == "1.0" and last:
            content.feed(b"")  # the end of the connection is its end
        assert content.is_whole
        writer.close()
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.STREAM_ENDED] == 1
        assert made.live.sessions.endings["ws-flv", Role.PLAYER, EndReason.STREAM_ENDED] == 1


async def test_who_is_kicked_is_cut_off() -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        reader, writer = await made.connect()
        writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await read_flv(reader, 3)
        (session,) = made.live.sessions.of(PATH)
        session.kick()
        async with asyncio.timeout(PATIENCE_S):
            try:
                await reader.read()
            except ConnectionResetError:
                pass
        assert session.end_reason is EndReason.KICKED
        writer.close()


async def drain(websocket: Any) -> None:
    while True:
        await websocket.recv()


async def flv_of(websocket: Any, flv: FlvReader, tags: int) -> None:
    found = 0
    while found < tags:
        async with asyncio.timeout(PATIENCE_S):
            message = await websocket.recv()
        assert isinstance(message, bytes)
        found += len(flv.feed(message))


async def test_a_websocket_gets_the_same_as_binary_messages_and_its_pings_are_answered() -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        async with connect(made.url.replace("http", "ws"), compression=None) as websocket:
            flv = FlvReader()
            await flv_of(websocket, flv, 6)
            assert flv.header == (True, True)
            async with asyncio.timeout(PATIENCE_S):
                pong = asyncio.ensure_future(await websocket.ping(b"there?"))
                while not pong.done():
                    flv.feed(await websocket.recv())  # type: ignore[arg-type]
            (session,) = made.live.sessions.of(PATH)
            assert session.protocol == "ws-flv"
        await until(lambda: not len(made.live.sessions))


async def test_websocket_players_are_pinged_and_silent_ones_closed() -> None:
    async with house(flv={"ping": 0.1}, **QUICK) as made:
        made.publish(PACKETS)
        silent_reader, silent = await upgrade(made)
        async with connect(made.url.replace("http", "ws")) as answers:
            async with asyncio.timeout(PATIENCE_S):
                while made.live.sessions.endings["ws-flv", Role.PLAYER, EndReason.TIMEOUT] < 1:
                    await answers.recv()
            assert len(made.live.sessions) == 1
        silent.close()
        assert b"\x89\x00" in await rest(silent_reader)


async def test_who_could_not_be_pinged_because_we_stood_still_stays() -> None:
    async with house(flv={"ping": 0.25}, **QUICK) as made:
        made.publish(PACKETS)
        async with connect(made.url.replace("http", "ws")) as websocket:
            await websocket.recv()
            time.sleep(1.0)  # noqa: ASYNC251  # as if this process had been stopped
            begun_s = time.monotonic()
            while time.monotonic() < begun_s + 0.5:
                async with asyncio.timeout(PATIENCE_S):
                    await websocket.recv()
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["ws-flv", Role.PLAYER, EndReason.TIMEOUT] == 0


async def upgrade(made: House) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await made.connect()
    writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What came until the connection was closed, or reset."""
    got = b""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while data := await reader.read(1 << 16):
                got += data
        except ConnectionResetError:
            pass
    return got


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 64, b"\x01\x80xxxx\x01\x80xxxx", b"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff"]
)
async def test_what_is_no_websocket_frame_ends_that_player_alone(garbage: bytes) -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        async with connect(made.url.replace("http", "ws")) as healthy:
            reader, writer = await upgrade(made)
            writer.write(garbage)
            await rest(reader)
            writer.close()
            flv = FlvReader()
            await flv_of(healthy, flv, 10)
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["ws-flv", Role.PLAYER, EndReason.PROTOCOL] == 1


async def test_a_handshake_that_is_of_no_use_is_refused() -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        answer = await made.ask(f"/{PATH}.flv", "Upgrade: websocket", "Connection: Upgrade")
        assert answer[0].split()[1] in ("400", "426")
        assert not len(made.live.sessions)


async def test_what_comes_behind_a_request_is_dropped_up_to_a_limit() -> None:
    async with house(flv={"max_received_bytes": 4_096}, **QUICK) as made:
        made.publish(PACKETS)
        reader, writer = await made.connect()
        request = f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        writer.write(request * 3)  # pipelined
        await read_flv(reader, 6)
        assert len(made.live.sessions) == 1
        writer.write(bytes(10_000))
        got = await rest(reader)
        assert b"HTTP/1.1" not in got
        writer.close()
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.PROTOCOL] == 1


async def test_a_request_behind_another_on_the_same_connection_is_played() -> None:
    async with house(**QUICK) as made:
        made.publish(PACKETS)
        reader, writer = await made.connect()
        head = b"HEAD /live/camera.flv HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(head + b"GET /live/camera.flv HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            assert b"content-length" in (await reader.readuntil(b"\r\n\r\n")).lower()
        await read_flv(reader, 4)
        writer.close()


@pytest.mark.parametrize("is_websocket", [False, True], ids=["http", "websocket"])
async def test_who_leaves_while_the_publisher_says_nothing_is_noticed_at_once(*, is_websocket: bool) -> None:
    async with house(**QUICK) as made:
        publication = made.live.streams.publish(PATH, lambda: None)
        for packet in PACKETS:
            publication.write(packet)
        if is_websocket:
            reader, writer = await upgrade(made)
            await reader.readexactly(100)
        else:
            reader, writer = await made.connect()
            writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await read_flv(reader, 7)
        (session,) = made.live.sessions.of(PATH)
        writer.close()
        await until(lambda: not len(made.live.sessions))
        assert session.end_reason is EndReason.DONE


@pytest.mark.parametrize("how", ["closed", "reset", "websocket"])
async def test_who_goes_while_it_waits_is_noticed_at_once_and_leaves_nothing(how: str) -> None:
    async with house(streams={"wait": 3_600}) as made:
        _, writer = await made.connect()
        upgrade = HANDSHAKE if how == "websocket" else ""
        writer.write(f"GET /live/nothing.flv HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n".encode())
        await until(lambda: len(made.live.sessions) == 1)
        if how == "reset":
            writer.transport.abort()
        else:
            writer.close()
        await until(lambda: not len(made.live.sessions))
        (ending,) = made.live.sessions.endings
        assert ending[2] is EndReason.DONE


async def test_the_end_of_the_server_is_told_to_who_waits_and_nothing_is_said_of_errors(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with house(streams={"wait": 3_600}) as made:
        asking = asyncio.create_task(made.ask("/live/nothing.flv"))
        await until(lambda: len(made.live.sessions) == 1)
    assert (await asking)[0].split()[1] == "503"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
