"""Origins that mean ill, or are broken, and players that ask for what nobody has: what they cost, and whom."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx
import pytest
from prometheus_client import generate_latest

from miso.live.flv_server.plugin import FlvServer
from miso.live.flv_server.settings import FlvSettings
from miso.live.hls.plugin import HlsPlugin
from miso.live.hls.settings import HlsSettings
from miso.live.media.codec import Kind, TrackId
from miso.live.media.flv import FlvReader, TagType
from miso.live.relay.relay import RelayState
from miso.live.rtmp.chunks import ChunkWriter
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.session.events import PlayAsked
from miso.live.rtmp.session.link import CHUNK_SIZE
from miso.live.rtmp.session.server_session import Phase, ServerSession, SessionLimits
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import Role
from miso.live.streams.settings import StreamsSettings
from miso.live.web.plugin import WebPlugin
from miso.live.web.settings import WebSettings
from tests.live.media import encoder
from tests.live.relay.peers import relaying, the_relay
from tests.live.rtmp_server.serving import SLOWEST_S, Peer, Serving, serve, until
from tests.live.streams.packets import picture, video_config

MB = 1_000_000
LARGEST = RtmpSettings().max_message_bytes
Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def origin(handle: Handler) -> AsyncIterator[int]:
    """A server that does that with each connection; gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError):  # it was left
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 16):
        pass


async def says_a_byte_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    session = ServerSession(SessionLimits(), 0.0)
    while data := await reader.read(1 << 16):
        session.receive(data, 0.0)
        for byte in session.take_output():
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.005)


async def lets_play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ChunkWriter:
    """Accepts a player; gives what writes messages to it."""
    session = ServerSession(SessionLimits(), 0.0)
    while session.phase is not Phase.PLAYING:
        data = await reader.read(1 << 16)
        assert data
        if any(isinstance(event, PlayAsked) for event in session.receive(data, 0.0)):
            session.accept(0.0)
        writer.write(session.take_output())
    chunks = ChunkWriter()
    writer.write(chunks.set_chunk_size(CHUNK_SIZE))
    return chunks


def pictures() -> list[Message]:
    """A configuration and a key frame."""
    tags = FlvReader().feed(encoder.encode("libx264", "aac", frames=5))
    found = [Message(MessageType.VIDEO, 0, tag.body, 1) for tag in tags if tag.tag_type is TagType.VIDEO]
    return found[:2]


@pytest.mark.parametrize("scheme", ["rtmp", "rtmps"])
async def test_an_origin_that_never_answers_is_left_and_its_player_is_told(scheme: str) -> None:
    async with (
        origin(says_nothing) as port,
        serve(streams=StreamsSettings(wait=0.5)) as edge,
        relaying(edge.live, origins=[{"url": f"{scheme}://127.0.0.1:{port}/live"}], timeout=0.5, idle=1) as plugin,
    ):
        player = await edge.connect()
        assert await player.play("a") == Code.PLAY_STREAM_NOT_FOUND.value
        await until(lambda: list(plugin) == [])
        assert plugin.failures == 1


async def test_an_origin_that_answers_byte_by_byte_has_no_more_time_than_others() -> None:
    async with origin(says_a_byte_at_a_time) as port, serve() as edge:
        pull = [{"stream": "live/a", "url": f"rtmp://127.0.0.1:{port}/live/a"}]
        async with relaying(edge.live, pull=pull, timeout=0.5) as plugin:
            await until(lambda: the_relay(plugin).failures == 2)
            assert "took longer than 0.5 s" in the_relay(plugin).reason
            assert len(edge.live.sessions) <= 1


async def test_the_largest_frames_are_not_heaped_up_and_a_larger_one_ends_the_relay() -> None:
    largest = asyncio.Event()

    async def sends_large_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks = await lets_play(reader, writer)
        config, frame = pictures()
        writer.write(chunks.write(config))
        for number in range(8):
            body = frame.body[:5] + (LARGEST - 9).to_bytes(4, "big") + bytes(LARGEST - 9)
            writer.write(chunks.write(Message(MessageType.VIDEO, 40 * number, body, 1)))
            await writer.drain()
        await largest.wait()
        writer.write(chunks.write(Message(MessageType.VIDEO, 400, bytes(LARGEST + 1), 1)))
        await says_nothing(reader, writer)

    streams = StreamsSettings(cache_bytes=MB)
    async with origin(sends_large_frames) as port, serve(streams=streams) as edge:
        other = edge.live.streams.publish("live/other", lambda: None)
        other.write(video_config())
        player = await edge.connect()
        other.write(picture(0, key=True))
        assert await player.play("other") == Code.PLAY_RESET.value
        pull = [{"stream": "live/a", "url": f"rtmp://127.0.0.1:{port}/live/a"}]
        async with relaying(edge.live, pull=pull, first_pause=60, longest_pause=60) as plugin:
            await until(lambda: edge.packets("live/a") == 9)
            stream = edge.live.streams.get("live/a")
            assert stream is not None
            assert stream.tracks[TrackId(Kind.VIDEO)].ring.size_bytes <= LARGEST
            largest.set()
            await until(lambda: the_relay(plugin).state is RelayState.FAILED)
            assert str(LARGEST + 1) in the_relay(plugin).reason
            for number in range(1, 10):
                other.write(picture(40 * number))
            for _ in range(10):
                await player.media()


async def test_of_256_tracks_as_many_are_taken_as_a_stream_may_have() -> None:
    many = [bytes((number,)) + (2).to_bytes(3, "big") + b"\x12\0" for number in range(256)]
    multitrack = b"\x96\x11av01" + b"".join(many)  # a key frame; many tracks of one codec, coded frames

    async def sends_many_tracks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks = await lets_play(reader, writer)
        for number in range(300):
            for body in [message.body for message in pictures()] if number % 50 == 0 else [multitrack]:
                writer.write(chunks.write(Message(MessageType.VIDEO, 40 * number, body, 1)))
            await writer.drain()
        await says_nothing(reader, writer)

    async with origin(sends_many_tracks) as port, serve(streams=StreamsSettings(max_tracks=8)) as edge:
        pull = [{"stream": "live/a", "url": f"rtmp://127.0.0.1:{port}/live/a"}]
        async with relaying(edge.live, pull=pull) as plugin:
            await until(lambda: edge.packets("live/a") >= 12)
            await until(lambda: edge.session("live/a").dropped_packets == 294)
            stream = edge.live.streams.get("live/a")
            assert stream is not None
            assert len(stream.tracks) == 8
            assert the_relay(plugin).state is RelayState.RUNNING


async def test_two_servers_that_pull_the_same_from_each_other_carry_what_is_published_once() -> None:
    async with serve() as one, serve() as other:
        there = [{"stream": "live/a", "url": other.url("live/a")}]
        back = [{"stream": "live/a", "url": one.url("live/a")}]
        push = [{"stream": "live/a", "url": one.url("live/a")}]
        async with relaying(one.live, pull=there, push=push) as at_one, relaying(other.live, pull=back) as at_other:
            publication = one.live.streams.publish("live/a", lambda: None)
            publication.write(video_config())
            publication.write(picture(0, key=True))
            await until(lambda: the_relay(at_other).state is RelayState.RUNNING)
            pulled, pushed = at_one
            await until(lambda: "is being published" in pulled.reason)
            await until(lambda: "circle" in pushed.reason)
            for number in range(1, 20):
                publication.write(picture(40 * number))
            await until(lambda: other.packets("live/a") == 21)
            assert one.packets("live/a") == 21
            publication.close()
            await until(lambda: the_relay(at_other).state is not RelayState.RUNNING or "circle" in pulled.reason)
            assert one.packets("live/a") == 21


async def test_names_that_are_not_found_for_long_keep_no_thread_that_others_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released, asked = threading.Event(), threading.Semaphore(0)
    really = socket.getaddrinfo

    def slow(host: str, *arguments: Any, **more: Any) -> Any:
        if not host.endswith(".invalid"):
            return really(host, *arguments, **more)
        asked.release()
        released.wait(10 * SLOWEST_S)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    pull = [{"stream": f"live/{number}", "url": f"rtmp://{number}.invalid/live/a"} for number in range(60)]
    try:
        async with serve() as far, serve() as near:
            far.live.streams.publish("live/b", lambda: None).write(picture(0, key=True))
            pull.append({"stream": "live/b", "url": far.url("live/b")})
            async with relaying(near.live, pull=pull, timeout=2) as plugin:
                await until(lambda: asked.acquire(blocking=False))
                async with asyncio.timeout(SLOWEST_S):
                    assert await asyncio.to_thread(lambda: "has a thread") == "has a thread"
                await until(lambda: near.packets("live/b") > 0)
                await until(lambda: sum("no connection" in relay.reason for relay in plugin) == 60)
    finally:
        released.set()


class Edge:
    """What plays by every protocol, and has its streams from an origin."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.web = WebPlugin(serving.live, WebSettings(host="127.0.0.1", port=0))
        self._plugins = [self.web, FlvServer(serving.live, FlvSettings()), HlsPlugin(serving.live, HlsSettings())]

    async def __aenter__(self) -> Edge:
        for plugin in self._plugins:
            await plugin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for plugin in reversed(self._plugins):
            await plugin.stop()


async def test_who_asks_for_names_that_nobody_has_keeps_nobody_from_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "miso.live.relay")
    names, most = 200, 5
    patient = RtmpSettings(begin_timeout=SLOWEST_S, player_timeout=10 * SLOWEST_S)  # nobody here answers its pings

    async def ask(http: httpx.AsyncClient, url: str) -> int:
        return (await http.get(url)).status_code

    async with (
        serve(streams=StreamsSettings(wait=SLOWEST_S)) as far,
        serve(patient, StreamsSettings(wait=5)) as near,
        relaying(near.live, origins=[{"url": far.url("main")}], max_unseen_per_address=most, idle=1) as plugin,
        Edge(near) as edge,
    ):
        publication = far.live.streams.publish("main/live/there", lambda: None)
        publication.write(video_config())
        publication.write(picture(0, key=True))
        peers = [await near.connect() for _ in range(names)]
        for number, peer in enumerate(peers):
            peer.say("play", 3, None, f"rtmp-{number}", -2000, stream_id=1)
        async with httpx.AsyncClient(
            timeout=SLOWEST_S, limits=httpx.Limits(max_connections=200, max_keepalive_connections=0)
        ) as http:
            root = f"http://127.0.0.1:{edge.web.port}/live"
            urls = [f"{root}/{kind}-{number}.{kind}" for kind in ("flv", "m3u8") for number in range(names)]
            asking = [asyncio.create_task(ask(http, url)) for url in urls]
            await until(lambda: plugin.refused > names)
            assert len(list(plugin)) <= most
            guest = Peer(*await asyncio.open_connection("127.0.0.1", near.port, local_addr=("127.0.0.2", 0)))
            near.peers.append(guest)
            await guest.introduce()
            assert await guest.play("there") == Code.PLAY_RESET.value
            await guest.media()
            assert len(list(plugin)) <= most + 1
            assert set(await asyncio.gather(*asking)) == {404}
        for peer in peers:
            assert await peer.code() == Code.PLAY_STREAM_NOT_FOUND.value
        await until(lambda: [relay.route.path for relay in plugin] == ["live/there"])
        assert near.live.sessions.count(Role.PLAYER) == 1
        numbers = generate_latest(near.live.metrics).decode()
        assert f"miso_live_relays_refused_total {float(plugin.refused)}" in numbers
    told = [record for record in caplog.records if record.name.startswith("miso.live.relay")]
    assert len(told) < names
