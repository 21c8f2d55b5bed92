"""Many connections that do nothing, and one that does too much: what others notice of them, and what they cost."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from miso.live.rtmp.handshake import VERSION
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_user_control, user_control
from miso.live.rtmp.session.events import Ending
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.bitrate_limit import BURST_S
from miso.live.rtmp_server.settings import RtmpSettings
from tests.live.media import records
from tests.live.rtmp_server.serving import SLOWEST_S, Peer, serve, until

IDLE = 5_000
ALLOWED = RtmpSettings().max_beginning_per_address
MAX_GROWTH_KB = 20_000


class ServerProcess:
    """A server in a process of its own, and its log."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self._log = log

    def logged(self, what: str) -> list[str]:
        """The lines that say so."""
        return [line for line in self._log.read_text().splitlines() if what in line]

    async def line(self) -> str:
        async with asyncio.timeout(SLOWEST_S):
            return (await self._out.readline()).decode()

    async def said(self) -> dict[str, int]:
        self._in.write(b"\n")
        said: dict[str, int] = json.loads(await self.line())
        return said


@pytest.fixture
async def server_process(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    log = tmp_path / "log"
    with log.open("w") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.live.rtmp_server.server_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        yield ServerProcess(process, log)
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
    started_s = time.monotonic()
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
    refusals = server_process.logged("an RTMP connection was refused")
    assert f"{ALLOWED} are allowed" in refusals[0]
    assert len(refusals) <= time.monotonic() - started_s + 2, "more than one line a second"
    for writer in writers:
        writer.transport.abort()


async def test_a_flood_is_read_at_the_bitrate_that_is_allowed_and_others_are_answered_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = RtmpSettings(max_bitrate_kbps=16_000)  # a tenth of what even a busy machine pours
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
            while session.counts().bytes_in < 10_000_000:
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
            assert f"an RTMP publisher is read more slowly: {session}: more than 16000 kbit/s" in caplog.text
        finally:
            pouring.cancel()


async def test_handshakes_that_never_end_are_ended_and_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(RtmpSettings(begin_timeout=0.5)) as serving:
        silent, slow = await serving.dial(), await serving.dial()

        async def say_one_byte_after_the_other() -> None:
            slow.send_bytes(bytes((VERSION,)))
            while True:
                slow.send_bytes(b"\0")
                await asyncio.sleep(0.05)

        saying = asyncio.create_task(say_one_byte_after_the_other())
        try:
            assert await silent.closed()
            assert await slow.closed()
        finally:
            saying.cancel()
        assert serving.server.context.unbegun[Ending.TIMEOUT] == 2
    assert "ended before it published or played: address=127.0.0.1: neither published nor played within 0.5 s" in (
        caplog.text
    )


async def test_a_message_that_begins_and_never_comes_ends_with_its_publisher(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(RtmpSettings(publisher_timeout=0.5)) as serving:
        peer = await serving.connect()
        peer.answers_pings = False
        await peer.publish()
        session = serving.session("live/name")
        peer.send_bytes(bytes((6, 0, 0, 0, 0x90, 0, 0, MessageType.VIDEO, 1, 0, 0, 0)) + bytes(100))
        await until(lambda: session.ended)
        assert f"{session}: ended, timeout (nothing came for 0.5 s)" in caplog.text


async def test_a_message_that_says_16_mb_is_refused_before_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve() as serving:
        peer = await serving.connect()
        await peer.publish()
        session = serving.session("live/name")
        peer.send_bytes(bytes((6, 0, 0, 0, 0xFF, 0xFF, 0xFF, MessageType.VIDEO, 1, 0, 0, 0)))
        await until(lambda: session.ended)
        assert "16777215" in session.end_detail
        assert f"{session}: ended, protocol ({session.end_detail})" in caplog.text
