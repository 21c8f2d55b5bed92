"""Publishers and players over TCP: what they are told, and what becomes of their sessions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import generate_latest

from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, make_token
from miso.live.engine.settings import LiveSettings
from miso.live.media.amf0 import write_amf0
from miso.live.rtmp.chunks import ChunkWriter
from miso.live.rtmp.commands import make_command
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.status import Code
from miso.live.rtmp.timestamps import MODULUS
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import EndReason, Role
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.settings import StreamsSettings
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


async def playing(serving: Serving, name: str = "name") -> Peer:
    peer = await serving.connect()
    assert await peer.play(name) == Code.PLAY_RESET.value
    assert await peer.code() == Code.PLAY_START.value
    return peer


async def test_a_player_gets_what_a_publisher_sends() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        bodies = [(await player.media()).body for _ in range(4)]
        assert set(bodies[:2]) == {VIDEO_CONFIG, AUDIO_CONFIG}
        assert bodies[2:] == [video(0, key=True).body, audio(0).body]
        publisher.send(video(40), audio(43))
        assert await player.media() == video(40)
        assert await player.media() == audio(43)


async def test_a_player_that_comes_first_waits() -> None:
    async with serve() as serving:
        player = await serving.connect()
        player.say("play", 3, None, "name", stream_id=1)
        await until(lambda: serving.live.streams.get("live/name") is not None)
        await publishing(serving)
        assert await player.code() == Code.PLAY_RESET.value


async def test_a_stream_that_does_not_come_is_not_found() -> None:
    async with serve(streams=StreamsSettings(wait=0.05)) as serving:
        player = await serving.connect()
        assert await player.play() == Code.PLAY_STREAM_NOT_FOUND.value
        assert await player.closed()
        assert serving.live.sessions.endings["rtmp", Role.PLAYER, EndReason.STREAM_ENDED] == 1


async def test_a_second_publisher_has_a_bad_name_and_the_first_goes_on() -> None:
    async with serve() as serving:
        first = await publishing(serving)
        player = await playing(serving)
        second = await serving.connect()
        code, _ = await asyncio.gather(second.publish(), first.next())  # it is asked whether it is there
        assert code == Code.PUBLISH_BAD_NAME.value
        assert await second.closed()
        first.send(video(40, mark=b"first"))
        while (await player.media()).body != video(40, mark=b"first").body:
            pass


async def test_a_second_publisher_takes_the_stream_where_that_is_set() -> None:
    async with serve(streams=StreamsSettings(takeover="replace")) as serving:
        first = await publishing(serving)
        player = await playing(serving)
        second = await publishing(serving)
        assert await first.code() == Code.PUBLISH_BAD_NAME.value
        assert await first.closed()
        second.send(video(40, mark=b"second"))
        while (await player.media()).body != video(40, mark=b"second").body:
            pass
        assert serving.live.sessions.endings["rtmp", Role.PUBLISHER, EndReason.REPLACED] == 1


async def test_a_publisher_back_within_grace_goes_on_with_one_offset_for_sound_and_pictures() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        publisher.send(video(400), audio(420))
        while (await player.media()).timestamp_ms < 420:
            pass
        publisher.abort()
        await until(lambda: serving.live.sessions.count(Role.PUBLISHER) == 0)
        again = await serving.connect()
        assert await again.publish() == Code.PUBLISH_START.value
        changed = bytearray(VIDEO_CONFIG)
        changed[8] ^= 1  # the level
        again.send(
            Message(MessageType.VIDEO, 7000, bytes(changed), 1),
            Message(MessageType.AUDIO, 7000, AUDIO_CONFIG, 1),
            video(7000, key=True, mark=b"again"),
            audio(7013, mark=b"again"),
        )
        came: list[Message] = []
        while len(came) < 3:
            message = await player.media()
            if message.body in (bytes(changed), video(0, key=True, mark=b"again").body, audio(0, b"again").body):
                came.append(message)
        config, picture, sound = came
        assert config.body == changed
        assert picture.timestamp_ms >= 420
        assert sound.timestamp_ms - picture.timestamp_ms == 13


async def test_players_are_told_when_a_stream_ends() -> None:
    async with serve(streams=StreamsSettings(grace=0)) as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        publisher.say("FCUnpublish", 6, None, "name")
        publisher.say("deleteStream", 7, None, 1)
        assert await player.code() == Code.UNPUBLISH_NOTIFY.value
        assert await player.closed()
        assert serving.live.sessions.endings["rtmp", Role.PLAYER, EndReason.STREAM_ENDED] == 1
        assert serving.live.sessions.endings["rtmp", Role.PUBLISHER, EndReason.DONE] == 1


async def test_a_kicked_publisher_is_told_and_its_name_is_free() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        await until(lambda: len(serving.live.sessions) == 1)
        serving.session("live/name").kick()
        assert await publisher.code() == Code.PUBLISH_DENIED.value
        assert await publisher.closed()
        assert serving.live.sessions.endings["rtmp", Role.PUBLISHER, EndReason.KICKED] == 1
        await publishing(serving)


async def test_a_kicked_player_is_gone() -> None:
    async with serve() as serving:
        await publishing(serving)
        player = await playing(serving)
        (session,) = [one for one in serving.live.sessions if one.role is Role.PLAYER]
        session.kick()
        assert await player.closed()
        assert session.end_reason is EndReason.KICKED


async def test_sessions_say_what_went_through_them() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        publisher.send(video(40, mark=bytes(100_000)))
        while len((await player.media()).body) < 100_000:
            pass
        publisher.send(Message(MessageType.VIDEO, 80, b"\x17\0\0\0\0nonsense", 1))
        by_role = {session.role: session for session in serving.live.sessions}
        await until(lambda: by_role[Role.PUBLISHER].counts().dropped_packets == 1)
        assert 100_000 < by_role[Role.PUBLISHER].counts().bytes_in < 110_000
        assert 100_000 < by_role[Role.PLAYER].counts().bytes_out < 110_000
        assert {session.address for session in by_role.values()} == {"127.0.0.1"}
        assert {session.protocol for session in by_role.values()} == {"rtmp"}


async def test_tokens_are_asked_for_and_bound_to_what_they_allow() -> None:
    settings = LiveSettings(access=AccessSettings.model_validate({"publish_secret": SECRET, "play_secret": SECRET}))
    expiry_s = int(time.time()) + 600
    token = make_token(SECRET.encode(), Action.PUBLISH, "live/name", expiry_s)
    to_play = make_token(SECRET.encode(), Action.PLAY, "live/name", expiry_s)
    async with serve(settings=settings) as serving:
        for name, code in (
            ("name", Code.PUBLISH_UNAUTHORIZED),
            (f"name?token={to_play}", Code.PUBLISH_DENIED),
            (f"other?token={token}", Code.PUBLISH_DENIED),
        ):
            refused = await serving.connect()
            assert await refused.publish(name) == code.value
            assert await refused.closed()
        by_app = await serving.connect(f"live?token={token}")
        assert await by_app.publish() == Code.PUBLISH_START.value
        by_app.send(*configs(), video(0, key=True))
        for name, code in (("name", Code.PLAY_UNAUTHORIZED), (f"name?token={token}", Code.PLAY_DENIED)):
            refused = await serving.connect()
            assert await refused.play(name) == code.value
        player = await serving.connect()
        assert await player.play(f"name?token={to_play}") == Code.PLAY_RESET.value


@pytest.mark.parametrize("name", ["../name", "a//b", "a\x00b", "x" * 600])
async def test_paths_that_no_stream_can_have_are_refused(name: str) -> None:
    async with serve() as serving:
        publisher = await serving.connect()
        assert await publisher.publish(name) == Code.PUBLISH_BAD_NAME.value
        player = await serving.connect()
        assert await player.play(name) == Code.PLAY_STREAM_NOT_FOUND.value
        assert len(serving.live.streams) == 0


async def test_publishers_of_one_address_are_limited() -> None:
    settings = LiveSettings(sessions=SessionsSettings(max_publishers_per_address=1))
    async with serve(settings=settings) as serving:
        await publishing(serving)
        second = await serving.connect()
        assert await second.publish("other") == Code.PUBLISH_DENIED.value


async def test_a_player_that_lacks_the_codec_is_told_so() -> None:
    async with serve() as serving:
        publisher = await serving.connect()
        await publisher.publish()
        publisher.send(
            Message(MessageType.VIDEO, 0, b"\x90av01" + records.AV1, 1),
            Message(MessageType.AUDIO, 0, AUDIO_CONFIG, 1),
        )
        lacking = await serving.connect(fourCcList=["hvc1"])
        lacking.say("play", 3, None, "name", stream_id=1)
        status = (await lacking.command()).members(1)
        assert status["code"] == Code.PLAY_FAILED.value
        assert "av01" in str(status["description"])
        knowing = await serving.connect(fourCcList=["av01"])
        assert await knowing.play() == Code.PLAY_RESET.value


async def test_who_lacks_what_a_publisher_comes_back_with_is_told_so_and_the_others_get_its_configuration() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        knowing, lacking = [await serving.connect(fourCcList=list(names)) for names in (["av01"], ["hvc1"])]
        for player in (knowing, lacking):
            assert await player.play() == Code.PLAY_RESET.value
            assert await player.code() == Code.PLAY_START.value
            await player.media()
        publisher.close()
        await until(lambda: len(serving.live.sessions.of("live/name")) == 2)
        av1_config = Message(MessageType.VIDEO, 0, b"\x90av01" + records.AV1, 1)
        av1_picture = Message(MessageType.VIDEO, 0, b"\x91av01" + bytes(9), 1)
        back = await serving.connect()
        assert await back.publish() == Code.PUBLISH_START.value
        back.send(av1_config, av1_picture, configs()[1], audio(0, b"new"))
        status = (await lacking.command()).members(1)
        assert (status["code"], "av01" in str(status["description"])) == (Code.PLAY_FAILED.value, True)
        assert await lacking.closed()
        bodies = [(await knowing.media()).body]
        while bodies[-1] != av1_picture.body:
            bodies.append((await knowing.media()).body)
        assert bodies[-2] == av1_config.body
        assert [session.role for session in serving.live.sessions.of("live/name")].count(Role.PLAYER) == 1
        third = await serving.connect(fourCcList=["av01"])
        assert await third.play() == Code.PLAY_RESET.value
        videos = [message.body async for message in _videos(third, 2)]
        assert videos == [av1_config.body, av1_picture.body]


async def _videos(player: Peer, count: int) -> AsyncIterator[Message]:
    while count:
        message = await player.media()
        if message.type_id == MessageType.VIDEO:
            count -= 1
            yield message


async def test_frames_go_through_24_and_32_bits_of_time() -> None:
    async with serve(streams=StreamsSettings(max_leap=1e6)) as serving:
        publisher = await serving.connect()
        await publisher.publish()
        publisher.send(*configs(), video(0, key=True))
        player = await playing(serving)
        offset_ms = 0
        for start_ms in (0xFFFFFF - 100, MODULUS - 100):
            # in steps that no clock could take for a leap back
            sent = list(range(start_ms, start_ms + 240, 40))
            for at in sent:
                publisher.send(video(at % MODULUS, key=True, mark=b"%d" % at), audio(at % MODULUS, b"%d" % at))
            got: list[Message] = []
            while len(got) < 2 * len(sent):
                message = await player.media()
                if message.body in {
                    one.body for at in sent for one in (video(0, key=True, mark=b"%d" % at), audio(0, b"%d" % at))
                }:
                    got.append(message)
            times = [message.timestamp_ms for message in got]
            assert [after - before for before, after in zip(times[::2], times[2::2], strict=False)] == [40] * 5
            assert times[::2] == times[1::2]
            offset_ms = times[0]
        assert offset_ms > 0xFFFFFF


async def test_zero_length_audio_disturbs_nobody() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        publisher.send(Message(MessageType.AUDIO, 20, b"", 1), video(40, mark=b"after"))
        while (await player.media()).body != video(40, mark=b"after").body:
            pass


async def test_the_end_of_a_sequence_and_other_tracks_leave_the_main_ones_alone() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        publisher.send(
            Message(MessageType.VIDEO, 20, b"\x96\x00avc1\x01" + records.H264, 1),
            Message(MessageType.AUDIO, 20, b"\x95\x00mp4a\x01" + records.AAC, 1),
        )
        player = await playing(serving)
        assert {(await player.media()).body for _ in range(2)} == {VIDEO_CONFIG, AUDIO_CONFIG}


async def test_metadata_in_amf3_reaches_nobody_and_ends_nothing() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        publisher.send(
            Message(MessageType.DATA, 0, write_amf0("@setDataFrame", "onMetaData") + b"\x11\x0a\x0b\x01\x01", 1),
            video(40, mark=b"after"),
        )
        while (await player.media()).body != video(40, mark=b"after").body:
            pass


async def test_a_player_pauses_and_goes_on() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        player.say("pause", 0, None, True, 0, stream_id=1)
        assert await player.code() == Code.PAUSE_NOTIFY.value
        publisher.send(video(40, mark=b"missed"))
        await until(lambda: serving.packets("live/name") == 5)
        player.say("pause", 0, None, False, 0, stream_id=1)
        assert await player.code() == Code.UNPAUSE_NOTIFY.value
        publisher.send(video(80, key=True, mark=b"seen"))
        while (message := await player.media()).body != video(80, key=True, mark=b"seen").body:
            assert b"missed" not in message.body


async def test_a_player_that_wants_no_sound_gets_none() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        player.say("receiveAudio", 0, None, False, stream_id=1)
        player.say("seek", 0, None, 0, stream_id=1)
        assert await player.code() == Code.SEEK_NOTIFY.value
        publisher.send(audio(40, b"unheard"), video(40, mark=b"seen"))
        while (message := await player.media()).body != video(40, mark=b"seen").body:
            assert message.body != audio(40, b"unheard").body


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
        half = await serving.dial()
        half.send_bytes(b"\3" + bytes(700))
        assert await half.closed()
        shown = generate_latest(serving.live.metrics).decode()
        assert 'miso_live_rtmp_unbegun_total{why="timeout"} 2.0' in shown
        assert "miso_live_rtmp_connections 0.0" in shown
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


async def test_who_sends_nonsense_is_closed_and_others_go_on() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        for nonsense in (b"GET / HTTP/1.1\r\n\r\n", bytes(10_000), b"\3" + b"\xff" * 10_000):
            peer = await serving.dial()
            peer.send_bytes(nonsense)
            assert await peer.closed()
        for bad in (Message(MessageType.COMMAND, 0, b"\2"), Message(MessageType.SET_CHUNK_SIZE, 0, b"\0\0\0\0")):
            peer = await serving.connect()
            peer.send(bad)
            assert await peer.closed()
        publisher.send(video(40, mark=b"after"))
        while (await player.media()).body != video(40, mark=b"after").body:
            pass


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


async def test_a_player_that_floods_while_it_waits_is_closed_and_leaves_nothing() -> None:
    async with serve() as serving:
        player = await serving.connect()
        player.say("play", 3, None, "name", stream_id=1)
        await until(lambda: len(serving.live.sessions) == 1)
        player.send(*[Message(MessageType.AUDIO, 0, b"", 1)] * 5000)
        assert await player.closed()
        await until(lambda: len(serving.live.sessions) == 0)
        assert serving.server.context.failures == 0
        await publishing(serving)


async def test_a_player_that_goes_while_it_waits_leaves_nothing() -> None:
    async with serve() as serving:
        player = await serving.connect()
        player.say("play", 3, None, "name", stream_id=1)
        await until(lambda: len(serving.live.sessions) == 1)
        player.abort()
        await until(lambda: len(serving.live.sessions) == 0)
        assert serving.server.context.connections == []
        assert serving.server.context.failures == 0


async def test_a_player_that_leaves_its_stream_is_closed() -> None:
    async with serve() as serving:
        await publishing(serving)
        player = await playing(serving)
        player.say("closeStream", 0, None, stream_id=1)
        assert await player.closed()
        assert serving.live.sessions.count(Role.PLAYER) == 0


async def test_a_publisher_may_begin_another_stream_on_its_connection() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        publisher.say("closeStream", 0, None, stream_id=1)
        assert await publisher.code() == Code.UNPUBLISH_SUCCESS.value
        assert await publisher.publish("other") == Code.PUBLISH_START.value
        assert [session.path for session in serving.live.sessions] == ["live/other"]


async def test_who_understands_it_is_asked_to_reconnect_before_the_server_ends() -> None:
    async with serve() as serving:
        publisher = await serving.connect(capsEx=1)
        await publisher.publish()
        publisher.send(*configs(), video(0, key=True))
        player = await serving.connect(capsEx=1)
        await player.play()
        stopping = asyncio.create_task(serving.server.stop())
        for peer in (publisher, player):
            while await peer.code() != Code.RECONNECT_REQUEST.value:
                pass
            peer.close()
        await stopping
        assert serving.server.context.connections == []


async def test_the_server_ends_with_clients_that_stay() -> None:
    async with serve() as serving:
        publisher = await publishing(serving)
        player = await playing(serving)
        await serving.server.stop()
        assert await publisher.closed()
        assert await player.closed()
        await serving.server.stop()
