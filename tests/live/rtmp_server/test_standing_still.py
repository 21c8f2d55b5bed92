"""A server that stands still for a while: timers are over before what waits in its sockets is read."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_user_control, user_control
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.settings import RtmpSettings
from tests.live.rtmp_server.serving import SLOWEST_S, Peer
from tests.live.rtmp_server.test_rtmp_server import configs, video

TIMEOUT_S = 6.0
STILL_S = 7.0
"""More than the time to answer, and longer than a timer may be late."""


@pytest.fixture
async def server() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    settings = RtmpSettings(publisher_timeout=TIMEOUT_S, player_timeout=TIMEOUT_S)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.live.rtmp_server.server_process",
        settings.model_dump_json(include={"publisher_timeout", "player_timeout"}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SLOWEST_S):
            port = int(await process.stdout.readline())
        yield process, port
    finally:
        process.kill()
        await process.wait()


async def ping(peer: Peer) -> Message:
    while (message := await peer.next()) is not None:
        is_control = message.type_id == MessageType.USER_CONTROL
        if is_control and user_control(message).type_id == UserControlType.PING_REQUEST:
            return message
    raise AssertionError("the connection was closed")


@pytest.mark.parametrize("asked_before", [False, True], ids=["not asked", "asked just before"])
async def test_publishers_and_players_are_asked_when_it_goes_on_and_stay(
    server: tuple[asyncio.subprocess.Process, int], asked_before: bool
) -> None:
    process, port = server
    publisher, player = [await Peer.connect(port) for _ in range(2)]
    assert await publisher.publish() == Code.PUBLISH_START.value
    publisher.send(*configs(), video(0, key=True))
    assert await player.play() == Code.PLAY_RESET.value
    await player.media()
    peers = (publisher, player)
    for peer in peers:
        peer.answers_pings = False
    asked = [await ping(peer) for peer in peers] if asked_before else []
    process.send_signal(signal.SIGSTOP)
    for peer, question in zip(peers, asked, strict=False):
        peer.send(make_user_control(UserControlType.PING_RESPONSE, *user_control(question).values))
    await asyncio.sleep(STILL_S)
    process.send_signal(signal.SIGCONT)
    for peer in peers:
        peer.answers_pings = True
    await asyncio.gather(*map(ping, peers))
    publisher.send(video(40, mark=b"still here"))
    while (await player.media()).body != video(40, mark=b"still here").body:
        pass
    for peer in peers:
        peer.abort()
