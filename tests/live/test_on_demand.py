"""Who plays by FLV or HLS causes what who plays by RTMP does: the stream comes from its origin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from websockets.asyncio.client import connect

from miso.live.hls.plugin import HlsPlugin
from miso.live.hls.settings import HlsSettings
from miso.live.media.flv import FlvReader
from miso.live.sessions.session import Role
from tests.live.endless import send_for_ever
from tests.live.flv_server.house import Content, House, house
from tests.live.hls.cutting import encoded
from tests.live.relay.peers import relaying
from tests.live.rtmp_server.serving import serve, until

pytest.importorskip("av", reason="PyAV is missing")
PATH = "live/far"
ENOUGH_TAGS = 5


async def by_http(made: House) -> None:
    reader, writer = await made.connect()
    writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    content, flv, tags = Content(), FlvReader(), 0
    while tags < ENOUGH_TAGS:
        tags += len(flv.feed(content.feed(await reader.read(1 << 16))))
    writer.close()


async def by_websocket(made: House) -> None:
    async with connect(f"{made.origin.replace('http', 'ws')}/{PATH}.flv") as websocket:
        flv, tags = FlvReader(), 0
        while tags < ENOUGH_TAGS:
            message = await websocket.recv()
            assert isinstance(message, bytes)
            tags += len(flv.feed(message))


async def by_hls(made: House) -> None:
    plugin = HlsPlugin(made.live, HlsSettings())
    await plugin.start()
    try:
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.get(f"{made.origin}/{PATH}.m3u8")
            assert answer.status_code == 200, answer.text
    finally:
        await plugin.stop()


@pytest.mark.parametrize("play", [by_http, by_websocket, by_hls])
async def test_a_player_brings_the_stream_from_its_origin_and_takes_it_with_it(
    play: Callable[[House], Awaitable[None]],
) -> None:
    async with (
        serve() as origin,
        house(streams={"wait": 20, "grace": 0}) as edge,
        relaying(edge.live, origins=[{"url": origin.url("main")}], idle=1) as plugin,
    ):
        publication = origin.live.streams.publish(f"main/{PATH}", lambda: None)
        publishing = asyncio.create_task(send_for_ever(publication, encoded("libx264", "aac")))
        async with asyncio.timeout(60):
            await play(edge)
        await until(lambda: list(plugin) == [] and origin.live.sessions.count(Role.PLAYER) == 0)
        publishing.cancel()
        await asyncio.wait([publishing])
