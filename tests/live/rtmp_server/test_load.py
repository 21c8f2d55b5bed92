"""Many connections that do nothing, and one that does too much: what others notice of them, and what they cost."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from miso.live.rtmp.handshake import VERSION
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_user_control, user_control
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.bitrate_limit import BURST_S
from miso.live.rtmp_server.settings import RtmpSettings
from tests.live.media import records
from tests.live.rtmp_server.serving import SLOWEST_S, Peer, serve, until

IDLE = 5_000
ALLOWED = RtmpSettings().max_beginning_per_address
MAX_GROWTH_KB = 20_000


class ServerProcess:
    """A server in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    async def line(self) -> str:
        async with asyncio.timeout(SLOWEST_S):
            return (await self._out.readline()).decode()

    async def said(self) -> dict[str, int]:
        self._in.write(b"\n")
        said: dict[str, int] = json.loads(await self.line())
        return said


@pytest.fixture
async def server_process() -> AsyncIterator[ServerProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.live.rtmp_server.server_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield ServerProcess(process)
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
async def test_five_thousand_idle_connections_are_bounded_and_in_nobodys_way(server_process: ServerProcess) -> None:
    port = int(await server_process.line())
    before = await server_process.said()
    writers = []
    for number in range(IDLE):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        if number % 2:
            writer.write(bytes((VERSION,)))  # a handshake that goes on for ever
        writers.append(writer)
    async with asyncio.timeout(SLOWEST_S):
        while True:
            after = await server_process.said()
            if after["connections"] + after["refused"] + after["unbegun"] >= IDLE:
                break
    assert after["connections"] <= ALLOWED
    assert after["refused"] > 0
    assert after["resident_kb"] - before["resident_kb"] < MAX_GROWTH_KB
    peer = Peer(*await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)))
    await peer.introduce()
    assert await peer.publish() == Code.PUBLISH_START.value
    for writer in writers:
        writer.transport.abort()


async def test_a_flood_is_read_at_the_bitrate_that_is_allowed_and_others_are_answered_meanwhile() -> None:
    settings = RtmpSettings()
    async with serve(settings) as serving:
        flooding = await serving.connect()
        assert await flooding.publish() == Code.PUBLISH_START.value
        started_s = time.monotonic()
        frame = b"\x27\1\0\0\0" + (200_000).to_bytes(4, "big") + bytes(200_000)
        flooding.send(Message(MessageType.VIDEO, 0, b"\x17\0\0\0\0" + records.H264, 1))

        async def flood() -> None:
            for number in range(10_000):
                flooding.send(Message(MessageType.VIDEO, number, frame, 1))
                await flooding.drain()

        pouring = asyncio.create_task(flood())
        try:
            other = await serving.connect()
            session = serving.session("live/name")
            answered = 0
            while session.counts().bytes_in < 40_000_000:
                other.send(make_user_control(UserControlType.PING_REQUEST, answered))
                while (message := await other.next()) is not None:
                    if message.type_id == MessageType.USER_CONTROL:
                        assert user_control(message).values == (answered,)
                        break
                answered += 1
            allowed_bytes = settings.max_bitrate_kbps * 125 * (time.monotonic() - started_s + BURST_S)
            assert session.counts().bytes_in < allowed_bytes + 1_000_000
            assert answered > 5
            assert serving.server.context.too_fast > 0
        finally:
            pouring.cancel()


async def test_a_message_that_says_16_mb_is_refused_before_it_comes() -> None:
    async with serve() as serving:
        peer = await serving.connect()
        await peer.publish()
        session = serving.session("live/name")
        peer.send_bytes(bytes((6, 0, 0, 0, 0xFF, 0xFF, 0xFF, MessageType.VIDEO, 1, 0, 0, 0)))
        await until(lambda: session.ended)
        assert "16777215" in session.end_detail
