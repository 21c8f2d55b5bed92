"""A room that is recorded for five minutes of a clock that is not waited for: picture and sound stay together.

:mod:`tests.live.recording.real_room` does the same in real time, with a real worker.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from miso.live.bridge.from_room.audio_receiver import AudioReceiver, SoundForm
from miso.live.bridge.from_room.picture_codec import PictureCodec
from miso.live.bridge.from_room.video_receiver import VideoReceiver
from miso.live.bridge.rtp.h264_packetizer import H264Packetizer
from miso.live.bridge.rtp.rtcp import SenderReport, read_rtcp
from miso.live.bridge.rtp.rtp_packet import RtpPacket, is_rtcp, read_rtp
from miso.live.bridge.rtp.sent_stream import SentStream
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.media.avc import read_avc_config
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.recording.recording import State
from miso.live.recording.settings import Format
from tests.live.recording.studio import NOON, Studio

pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")
skew = pytest.importorskip("tests.live.recording.skew")

MINUTES = 5
SECONDS = MINUTES * 60
MAX_SKEW_MS = 80
HALF_OF_THE_WAY_MS = 500
DRIFT = 500e-6
"""After five minutes, who ignores the sender's reports is 150 ms off."""
SOUND_LATE_S = 0.2
JITTER_S = 0.1
LOSS = 0.01
REPORT_EVERY_S = 5
STEP_S = 0.1

# When it arrives, in seconds since the beginning; whether it is sound; the datagram.
Arrival = tuple[float, bool, bytes]


def pictures_as_rtp(packets: list[Packet]) -> Iterator[tuple[float, bytes]]:
    """When each datagram is captured, in seconds, and the datagram."""
    sent = SentStream(96, 90_000, "ana")
    packetizer = H264Packetizer()
    for packet in packets:
        if packet.is_config:
            config = read_avc_config(packet.payload)
            packetizer.configure(config.sps, config.pps)
            continue
        payloads = packetizer.payloads(packet.nal_units)
        for number, payload in enumerate(payloads):
            yield packet.dts_ms / 1_000, sent.packet(payload, 90 * packet.dts_ms, marker=number == len(payloads) - 1)
    for second in range(0, SECONDS, REPORT_EVERY_S):
        yield second, sent.report(NOON + second, 90_000 * second)


def sounds_as_rtp(packets: list[Packet]) -> Iterator[tuple[float, bytes]]:
    """As :func:`pictures_as_rtp`, of a clock that is too fast."""
    sent = SentStream(111, 48_000, "ana")
    for packet in packets:
        yield packet.dts_ms / 1_000 / (1 + DRIFT), sent.packet(packet.payload, 48 * packet.dts_ms, marker=False)
    for second in range(0, SECONDS, REPORT_EVERY_S):
        yield second, sent.report(NOON + second, int(48_000 * (1 + DRIFT) * second))


def arrivals() -> list[Arrival]:
    """What arrives of a person in a room, over a network that delays, reorders and loses."""
    source = random.Random(1)
    packets = flashes.flashes(SECONDS, gop=flashes.FRAME_RATE, sound="libopus", sound_drift=DRIFT)
    pictures = pictures_as_rtp([packet for packet in packets if packet.track.kind is Kind.VIDEO])
    sounds = sounds_as_rtp([packet for packet in packets if packet.track.kind is Kind.AUDIO])
    made = [(at_s + source.uniform(0, JITTER_S), False, data) for at_s, data in pictures]
    made += [(at_s + SOUND_LATE_S + source.uniform(0, JITTER_S), True, data) for at_s, data in sounds]
    return sorted(one for one in made if source.random() >= LOSS)


class Room:
    """What comes out of it, as a live stream.

    Args:
        write: Gets the stream's packets.
    """

    def __init__(self, write: Callable[[Packet], None]) -> None:
        self._thread = TranscodingThread()
        self._audio = AudioReceiver(SoundForm.AAC, self._thread, write)
        self._video = VideoReceiver({96: PictureCodec.H264}, write)
        self._converting = asyncio.create_task(self._audio.run())
        self._audio.begin_source(0)

    def take(self, now_s: float, is_sound: bool, data: bytes) -> None:
        """A datagram arrives."""
        receiver = self._audio if is_sound else self._video
        if is_rtcp(data):
            for said in read_rtcp(data):
                assert isinstance(said, SenderReport)
                receiver.report(said)
            return
        packet: RtpPacket = read_rtp(data)
        receiver.put(packet, now_s, NOON + now_s)

    async def tick(self, now_s: float) -> None:
        """Time has gone on; returns when all sound that has come is converted."""
        self._audio.due(now_s, NOON + now_s)
        self._video.due(now_s, NOON + now_s)
        await asyncio.sleep(0)
        await self._thread.run(lambda: None)
        await asyncio.sleep(0)

    async def close(self) -> None:
        self._converting.cancel()
        await asyncio.wait([self._converting])
        self._thread.close()


async def test_after_five_minutes_picture_and_sound_of_a_room_are_still_together(tmp_path: Path) -> None:
    studio = Studio(tmp_path, path="rooms/hall")
    recordings = [studio.recorder.start(studio.path, format) for format in Format]
    room = Room(studio.publication.write)
    came = await asyncio.to_thread(arrivals)
    done = 0
    for step in range(1, int((SECONDS + 1) / STEP_S)):
        while done < len(came) and came[done][0] <= step * STEP_S:
            room.take(*came[done])
            done += 1
        await room.tick(step * STEP_S)
        studio.clock.advance(STEP_S)
    await room.close()
    await studio.recorder.close()
    for recording in recordings:
        assert recording.state is State.DONE
        (file,) = recording.files
        assert recording.duration_ms == pytest.approx(1_000 * SECONDS, abs=3_000)
        skews = await asyncio.to_thread(skew.skews_ms, tmp_path / file.name)
        # Some flashes are lost: those beeps have none near.
        pairs = [(at_s, skew_ms) for at_s, skew_ms in skews if abs(skew_ms) < HALF_OF_THE_WAY_MS]
        assert len(pairs) > 0.8 * SECONDS
        assert pairs[-1][0] > SECONDS - 10
        assert max(abs(skew_ms) for _, skew_ms in pairs) <= MAX_SKEW_MS
