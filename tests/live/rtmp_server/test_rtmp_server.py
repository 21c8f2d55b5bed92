"""Publishers and players over TCP: what they are told, and what becomes of their sessions."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from miso.live.engine.settings import LiveSettings
from miso.live.rtmp.chunks import ChunkWriter
from miso.live.rtmp.commands import make_command
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import EndReason, Role
from miso.live.sessions.settings import SessionsSettings
from tests.live.media import records
from tests.live.rtmp_server.serving import Peer, Serving, serve, until

VIDEO_CONFIG = b"\x17\0\0\0\0" + records.H264
AUDIO_CONFIG = b"\xaf\0" + records.AAC
SECRET = "a secret of this test"


def video(timestamp_ms: int, *, key: bool = False, mark: bytes = b"") -> Message:
    unit = (b"\x65" if key else b"\x41") + mark
    body = bytes((0x17 if key else 0x27, 1, 0, 0, 0)) + len(unit).to_bytes(4, "big") + unit
    return Message(MessageType.VIDEO, timestamp_ms, body, 1)


def audio(timestamp_ms: int, mark: bytes = b"sound") -> Message:
    return Message(MessageType.AUDIO, timestamp_ms, b"\xaf\1" + mark, 1)


def configs(timestamp_ms: int = 0) -> list[Message]:
    return [
        Message(MessageType.VIDEO, timestamp_ms, VIDEO_CONFIG, 1),
        Message(MessageType.AUDIO, timestamp_ms, AUDIO_CONFIG, 1),
    ]


async def publishing(serving: Serving, name: str = "name") -> Peer:
    """A publisher that has sent configurations and a key frame."""
    peer = await serving.connect()
    assert await peer.publish(name) == Code.PUBLISH_START.value
    peer.send(*configs(), video(0, key=True), audio(0))
    return peer


async def test_a_kicked_publisher_is_told_and_its_name_is_free() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        await until(lambda: len(serving.live.sessions) == 1)
        serving.session("live/name").kick()
        assert await publisher.code() == Code.PUBLISH_DENIED.value
        assert await publisher.closed()
        assert serving.live.sessions.endings["rtmp", Role.PUBLISHER, EndReason.KICKED] == 1
        await publishing(serving)


async def test_publishers_of_one_address_are_limited() -> None:
    settings = LiveSettings(sessions=SessionsSettings(max_publishers_per_address=1))
    async with serve(settings=settings) as serving:
        await publishing(serving)
        second = await serving.connect()
        assert await second.publish("other") == Code.PUBLISH_DENIED.value


async def test_a_silent_publisher_is_dead_in_time() -> None:
    async with serve(RtmpSettings(publisher_timeout=0.2)) as serving:
        publisher = await publishing(serving)
        publisher.answers_pings = False
        assert await publisher.closed()
        assert serving.live.sessions.endings["rtmp", Role.PUBLISHER, EndReason.TIMEOUT] == 1


async def test_who_only_connects_is_closed_in_time_and_counted() -> None:
    async with serve(RtmpSettings(begin_timeout=0.1)) as serving:
        silent = await serving.dial()
        assert await silent.closed()
        connected = await serving.connect()
        assert await connected.closed()
        assert sum(serving.server.context.unbegun.values()) == 2
        assert len(serving.server.context.beginning) == 0


async def test_connections_that_have_not_begun_are_limited_and_refusals_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(RtmpSettings(max_beginning_per_address=2)) as serving:
        with caplog.at_level(logging.WARNING):
            waiting = [await serving.connect() for _ in range(2)]
            refused = await serving.dial()
            assert await refused.closed()
        assert serving.server.context.refused == 1
        assert "too many connections that have not begun" in caplog.text
        assert await waiting[0].publish() == Code.PUBLISH_START.value
        assert await (await serving.connect()).publish("other") == Code.PUBLISH_START.value


async def test_a_publisher_that_breaks_off_a_message_frees_its_name() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        publisher.send_bytes(bytes((6, 0, 0, 40, 0, 0x40, 0, 9, 1, 0, 0, 0)) + bytes(500))
        await publisher.drain()
        publisher.abort()
        await until(lambda: len(serving.live.sessions) == 0)
        await publishing(serving)


async def test_a_publisher_that_sends_too_fast_is_read_more_slowly(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(RtmpSettings(max_bitrate_kbps=2_000)) as serving:
        publisher = await publishing(serving)
        started_s = time.monotonic()
        for number in range(20):
            publisher.send(video(number, mark=bytes(50_000)))
        publisher.send(video(40, mark=b"last"))
        await until(lambda: serving.live.sessions.of("live/name")[0].counts().bytes_in > 1_000_000)
        # 8 Mbit less a burst of 4 Mbit and a read of 2 Mbit, at 2 Mbit/s
        assert time.monotonic() - started_s > 0.9
        assert serving.server.context.too_fast > 0
        assert "is read more slowly" in caplog.text


async def test_who_does_not_read_answers_is_not_read_either() -> None:
    async with serve() as serving:
        peer = await serving.dial()
        await peer.introduce()
        asked = b"".join(map(ChunkWriter().write, [make_command("FCSubscribe", 0, None, "name")] * 1000))
        for _ in range(2000):  # 60 MB: more than the kernel keeps
            peer.send_bytes(asked)
            try:
                async with asyncio.timeout(1):
                    await peer.drain()
            except TimeoutError:
                break
        else:
            pytest.fail("the server reads on")
        peer.abort()
