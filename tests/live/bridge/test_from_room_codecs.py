"""Pictures of several codecs out of a real worker's room into a live stream, as ffmpeg decodes them there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from miso import Worker
from miso.live.bridge.from_room.audio_receiver import SoundForm
from miso.live.bridge.from_room.choice import SPEAKER
from miso.live.bridge.from_room.picture_codec import PictureCodec
from miso.live.bridge.from_room.room_stream import RoomStream, Surroundings
from miso.live.bridge.rtp_link import RtpLink
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.media.codec import Codec
from miso.live.media.packet import Packet
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings
from miso.live.streams.subscription import Start

pytest.importorskip("av", reason="PyAV is missing")
ffmpeg_rtp = pytest.importorskip("tests.live.bridge.rtp.ffmpeg_rtp")
one_room = pytest.importorskip("tests.live.bridge.one_room")

PATH = "rooms/r"
TIMEOUT_S = 60
PICTURES = 20
RATE_HZ = 90_000
CODECS = {
    PictureCodec.VP8: ("libvpx", "vp8", Codec.VP8, {}),
    PictureCodec.VP9: ("libvpx-vp9", "vp9", Codec.VP9, {"profile-id": 0}),
    PictureCodec.AV1: ("libsvtav1", "libdav1d", Codec.AV1, {}),
}


def media_codec(codec: PictureCodec) -> dict[str, object]:
    return {
        "kind": "video",
        "mimeType": codec.mime_type,
        "clockRate": RATE_HZ,
        "parameters": CODECS[codec][3],
    }


class Sender:
    """Somebody who sends the same pictures again and again.

    Args:
        name: Of the sender.
        ssrc: Of the stream.
        codecs: What it has negotiated, with payload types from 96 on; it sends the first until ``codec`` is another.
    """

    def __init__(self, name: str, ssrc: int, *codecs: PictureCodec) -> None:
        self.name = name
        self.ssrc = ssrc
        self.codecs = codecs
        self.codec = codecs[0]
        self._number = 65_500
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, room: Any) -> None:
        link = await RtpLink.open(room.router, lambda packet: None)
        codecs = [{**media_codec(codec), "payloadType": 96 + at} for at, codec in enumerate(self.codecs)]
        for one in codecs:
            del one["kind"]
        parameters = {"codecs": codecs, "encodings": [{"ssrc": self.ssrc}], "rtcp": {"cname": self.name}}
        sent = {codec: await asyncio.to_thread(ffmpeg_rtp.encoded, CODECS[codec][0]) for codec in self.codecs}
        producer = await link.transport.produce(kind="video", rtp_parameters=parameters)
        self._tasks.append(asyncio.create_task(self._send(link, sent)))
        room.put(self.name, [producer])

    async def _send(self, link: RtpLink, sent: Any) -> None:
        began_s, timestamp = time.monotonic(), 0
        while True:
            packets = sent[self.codec].rtp
            payload_type = 96 + self.codecs.index(self.codec)
            first = packets[0].timestamp
            for packet in packets:
                at = timestamp + (packet.timestamp - first) % (1 << 32)
                await asyncio.sleep(began_s + at / RATE_HZ - time.monotonic())
                renumbered = packet._replace(
                    payload_type=payload_type, sequence_number=self._number & 0xFFFF, timestamp=at, ssrc=self.ssrc
                )
                self._number += 1
                link.send(renumbered.to_bytes())
            timestamp = at + RATE_HZ // ffmpeg_rtp.FRAME_RATE

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def room(worker: Worker) -> Any:
    return one_room.OneRoom(await worker.create_router(media_codecs=[media_codec(codec) for codec in CODECS]))


@pytest.fixture
async def streams(room: Any) -> AsyncIterator[Streams]:
    """With the room's speaker among them."""
    streams = Streams(StreamSettings(grace_s=5, wait_s=30), asyncio.get_running_loop(), 10)
    thread = TranscodingThread()
    codecs = tuple(PictureCodec)
    around = Surroundings(room, streams, thread, asyncio.get_running_loop(), time.time, codecs, 0)
    running = asyncio.create_task(RoomStream("r", SPEAKER, PATH, SoundForm.OPUS, around).run(lambda: None))
    yield streams
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    thread.close()


async def played(streams: Streams, codec: Codec, pictures: int = PICTURES) -> list[Packet]:
    """Reads until there are so many pictures of that codec."""
    subscription = streams.get_or_create(PATH).subscribe(Start.FAST)
    packets: list[Packet] = []
    async with asyncio.timeout(TIMEOUT_S):
        while sum(packet.codec is codec and not packet.is_config for packet in packets) < pictures:
            reading = await subscription.next()
            assert reading is not None
            packets.append(reading.packet)
    return packets


def frames(packets: list[Packet], codec: Codec) -> list[bytes]:
    return [packet.payload for packet in packets if packet.codec is codec and not packet.is_config]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.value)
async def test_pictures_come_as_they_are(room: Any, streams: Streams, codec: PictureCodec) -> None:
    _, decoder, name, _ = CODECS[codec]
    ada = Sender("ada", 1_001, codec)
    await ada.open(room)
    packets = await played(streams, name)
    assert packets[0].is_config
    assert packets[1].is_key
    assert [packet.codec for packet in packets] == [name] * len(packets)
    assert len(ffmpeg_rtp.decoded(decoder, frames(packets, name))) == PICTURES
    await ada.close()


async def test_a_sender_who_changes_its_codec_begins_anew_with_a_key_frame(room: Any, streams: Streams) -> None:
    ada = Sender("ada", 1_001, PictureCodec.VP8, PictureCodec.VP9)
    await ada.open(room)
    await played(streams, Codec.VP8)
    ada.codec = PictureCodec.VP9
    packets = await played(streams, Codec.VP9)
    later = packets[[packet.codec for packet in packets].index(Codec.VP9) :]
    assert later[0].is_config
    assert later[1].is_key
    assert {packet.codec for packet in later} == {Codec.VP9}
    assert len(ffmpeg_rtp.decoded("vp9", frames(later, Codec.VP9))) == PICTURES
    await ada.close()


async def test_a_stream_of_whoever_speaks_stays_with_one_codec(room: Any, streams: Streams) -> None:
    ada, grace = Sender("ada", 1_001, PictureCodec.VP8), Sender("grace", 2_002, PictureCodec.VP9)
    await ada.open(room)
    await played(streams, Codec.VP8)
    await grace.open(room)
    for listener in room.listeners:
        listener.speaker_changed("grace")
    packets = await played(streams, Codec.VP8, 3 * PICTURES)
    assert {packet.codec for packet in packets} == {Codec.VP8}
    await ada.close()
    await grace.close()
