"""Encoders that come back while their connection of before still looks well: after a broken network they do at once."""

from __future__ import annotations

import asyncio
import signal

from miso.live.rtmp.status import Code
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import EndReason, Role
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, needs, running
from tests.live.rtmp_server.serving import SLOWEST_S, Peer, Serving, serve, until

PATIENT = RtmpSettings(publisher_timeout=10 * SLOWEST_S, publisher_answer=1.0)
"""Silence alone ends nobody in these tests."""


async def frozen(serving: Serving) -> Peer:
    """A publisher that takes nothing and says nothing any more."""
    peer = await serving.connect()
    peer.answers_pings = False
    assert await peer.publish() == Code.PUBLISH_START.value
    return peer


@needs("ffmpeg")
async def test_a_frozen_ffmpeg_makes_room_for_the_next_and_players_go_on() -> None:
    encoder = ffmpeg("{}", *PICTURE, *SOUND, *H264, *AAC)
    async with serve(PATIENT) as serving:
        command = [word.format(serving.url("live/name")) for word in encoder]
        async with running(*command) as first:
            await until(lambda: serving.packets("live/name") > 20)
            player = await serving.connect()
            assert await player.play() == Code.PLAY_RESET.value
            old = next(one for one in serving.live.sessions.of("live/name") if one.role is Role.PUBLISHER)
            first.send_signal(signal.SIGSTOP)
            before = serving.packets("live/name")
            async with running(*command):
                await until(lambda: serving.packets("live/name") > before + 50)
                assert old.end_reason is EndReason.REPLACED
                for _ in range(before + 50):
                    await player.media()
                first.send_signal(signal.SIGCONT)
                async with asyncio.timeout(SLOWEST_S):
                    assert await first.wait() != 0  # it is told that the stream is another's
                roles = [session.role for session in serving.live.sessions.of("live/name")]
                assert sorted(roles, key=str) == [Role.PLAYER, Role.PUBLISHER]


async def test_a_publisher_that_answers_keeps_its_stream_though_it_sends_nothing() -> None:
    async with serve(RtmpSettings(publisher_answer=SLOWEST_S)) as serving:
        first = await serving.connect()
        assert await first.publish() == Code.PUBLISH_START.value
        listening = asyncio.create_task(first.next())
        second = await serving.connect()
        assert await second.publish() == Code.PUBLISH_BAD_NAME.value
        await listening
        assert serving.session("live/name").end_reason is None


async def test_who_is_replaced_is_told_so() -> None:
    async with serve(PATIENT) as serving:
        first = await frozen(serving)
        second = await serving.connect()
        assert await second.publish() == Code.PUBLISH_START.value
        assert await first.code() == Code.PUBLISH_BAD_NAME.value
        assert await first.closed()


async def test_of_several_that_come_back_one_publishes() -> None:
    async with serve(PATIENT) as serving:
        await frozen(serving)
        peers = [await serving.connect() for _ in range(5)]
        codes = await asyncio.gather(*(peer.publish() for peer in peers))
        assert sorted(codes) == [Code.PUBLISH_BAD_NAME.value] * 4 + [Code.PUBLISH_START.value]


async def test_who_goes_while_it_waits_leaves_nothing() -> None:
    async with serve(RtmpSettings(publisher_timeout=10 * SLOWEST_S, publisher_answer=10 * SLOWEST_S)) as serving:
        await frozen(serving)
        second = await serving.connect()
        second.say("publish", 3, None, "name", "live", stream_id=1)
        await until(lambda: len(serving.live.sessions.of("live/name")) == 2)
        second.abort()
        await until(lambda: len(serving.live.sessions.of("live/name")) == 1)
        third = await serving.connect()
        third.say("publish", 3, None, "name", "live", stream_id=1)
        await until(lambda: len(serving.live.sessions.of("live/name")) == 2)
        serving.peers[0].abort()  # its end is an answer, too
        assert await third.code() == Code.PUBLISH_START.value
