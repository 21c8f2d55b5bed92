"""A stream whose times pass 24 and 32 bits, as ffprobe plays it: no frame is lost, and none moves."""

from __future__ import annotations

import asyncio
import json

import pytest

from miso.live.media.flv import FlvReader, TagType
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.status import Code
from miso.live.rtmp.timestamps import MODULUS
from miso.live.sessions.session import Role
from miso.live.streams.settings import StreamsSettings
from tests.live.media import encoder
from tests.live.rtmp_server.programs import needs, run
from tests.live.rtmp_server.serving import serve, until

FRAMES = 60
TYPES = {TagType.AUDIO: MessageType.AUDIO, TagType.VIDEO: MessageType.VIDEO, TagType.SCRIPT: MessageType.DATA}


def messages(offset_ms: int) -> list[Message]:
    """Two seconds of a real stream; what comes after its first key frame is so much later."""
    tags = FlvReader().feed(encoder.encode("libx264", "aac", frames=FRAMES, options={"bf": "2", "g": "30"}))
    first_sound = next(index for index, tag in enumerate(tags) if tag.tag_type is TagType.AUDIO and tag.body[1] == 1)
    beginning = max(first_sound, next(index for index, tag in enumerate(tags) if tag.body[:2] == b"\x17\1")) + 1
    return [
        Message(
            TYPES[tag.tag_type],
            (tag.timestamp_ms + (offset_ms if index >= beginning else 0)) % MODULUS,
            tag.body,
            1,
        )
        for index, tag in enumerate(tags)
    ]


@needs("ffprobe")
@pytest.mark.parametrize(
    ("before_ms", "offset_ms"),
    [(0, 0xFFFFFF - 1000), (MODULUS - 1000, 0)],
    ids=["24 bits of a stream's time", "32 bits of a publisher's time"],
)
async def test_ffprobe_plays_every_frame(before_ms: int, offset_ms: int) -> None:
    sent = [
        Message(message.type_id, (message.timestamp_ms + before_ms) % MODULUS, message.body, 1)
        for message in messages(offset_ms)
    ]
    frames = [message for message in sent if message.type_id == MessageType.VIDEO and message.body[1] == 1]
    beginning = sent.index(frames[0]) + 1
    while sent[beginning - 1].type_id != MessageType.AUDIO or sent[beginning - 1].body[1] != 1:
        beginning += 1
    async with serve(streams=StreamsSettings(wait=60, grace=0, max_leap=1e6)) as serving:
        url = serving.url("live/name")
        playing = asyncio.create_task(run("ffprobe", "-v", "fatal", "-of", "json", "-show_packets", url))
        await until(lambda: serving.live.sessions.count(Role.PLAYER) == 1)
        (player,) = list(serving.live.sessions)
        publisher = await serving.connect()
        assert await publisher.publish() == Code.PUBLISH_START.value
        publisher.send(*sent[:beginning])
        await until(lambda: player.started_s is not None)
        publisher.send(*sent[beginning:])
        await until(lambda: serving.packets("live/name") >= len(sent) - 1)
        publisher.say("closeStream", 0, None, stream_id=1)
        code, out = await playing
        assert code == 0, out
        packets = [packet for packet in json.loads(out)["packets"] if packet["codec_type"] == "video"]
        first_ms = frames[0].timestamp_ms
        assert [int(packet["dts"]) for packet in packets] == [
            (frame.timestamp_ms - first_ms) % MODULUS + int(packets[0]["dts"]) for frame in frames
        ]
        assert len(packets) == FRAMES
        assert int(packets[-1]["dts"]) > offset_ms
