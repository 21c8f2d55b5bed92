"""Somebody with a camera and a microphone, over plain RTP: flashes, beeps, and key frames when they are asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction

import av

from miso.controller import Producer, Router
from miso.live.bridge.rtp.h264_packetizer import H264Packetizer
from miso.live.bridge.rtp.rtcp import KeyFrameRequest, read_rtcp
from miso.live.bridge.rtp.rtp_packet import is_rtcp
from miso.live.bridge.rtp.sent_stream import SentStream
from miso.live.bridge.rtp_link import RtpLink
from miso.live.bridge.to_room.producers import AUDIO_TYPE, VIDEO_TYPE, audio_parameters, video_parameters
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from tests.live.bridge.flashes import FRAME_RATE, flashes, is_event

SECONDS = 30
REPORT_EVERY_S = 0.5


class Camera:
    """Sends until it is closed.

    Attributes:
        loses: Whether a packet, by its number, is lost on the way.
        size: Of the pictures from the next one on.
        audio_late_s, pictures_late_s: Sound, or pictures, leave so much later than they are captured.
        sound_drift: The sound's clock is so much faster than the time, as sound cards' are: 0.0001 is usual.
    """

    def __init__(self, router: Router, name: str) -> None:
        self.name = name
        self.loses: Callable[[int], bool] = lambda number: False
        self.size = (320, 180)
        self.audio_late_s = self.pictures_late_s = 0.0
        self.sound_drift = 0.0
        self.key_frames = 0
        self.producers: list[Producer] = []
        self._router = router
        self._link: RtpLink
        self._wants_key = True
        self._tasks: list[asyncio.Task[None]] = []
        self._saying: asyncio.Task[None] | None = None
        self._encoder: av.VideoCodecContext | None = None
        self._encoder_size = (0, 0)
        self._packetizer = H264Packetizer()
        self._video = SentStream(VIDEO_TYPE, 90_000, name)
        self._audio = SentStream(AUDIO_TYPE, 48_000, name)
        self._began_s = 0.0

    async def open(self, *, sound: bool = True, pictures: bool = True, seconds: float = SECONDS) -> None:
        packets: list[Packet] = []
        if sound:
            packets = await asyncio.to_thread(
                flashes, seconds, sound="libopus", pictures=False, sound_drift=self.sound_drift
            )
        self._link = await RtpLink.open(self._router, self._on_packet)
        transport = self._link.transport
        self._began_s = time.time()
        if pictures:
            parameters = video_parameters(self._video.ssrc, self.name)
            self.producers.append(await transport.produce(kind="video", rtp_parameters=parameters))
            self._tasks.append(asyncio.create_task(self._show()))
        if sound:
            parameters = audio_parameters(self._audio.ssrc, self.name)
            self.producers.append(await transport.produce(kind="audio", rtp_parameters=parameters))
            sounds = [(one.dts_ms, one.payload) for one in packets if one.track.kind is Kind.AUDIO]
            self._saying = asyncio.create_task(self._say(sounds))
            self._tasks.append(self._saying)
        self._tasks.append(asyncio.create_task(self._report()))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._link.close()

    async def _show(self) -> None:
        index = 0
        while True:
            at_s = index / FRAME_RATE
            await asyncio.sleep(self._began_s + at_s + self.pictures_late_s - time.time())
            units = self._encode(index, is_event(at_s))
            payloads = self._packetizer.payloads(units)
            for number, payload in enumerate(payloads):
                packet = self._video.packet(payload, int(90_000 * at_s), marker=number == len(payloads) - 1)
                if not self.loses(self._video.packets):
                    self._link.send(packet)
            index += 1

    def _encode(self, index: int, is_bright: bool) -> list[bytes]:
        if self._encoder is None or self._encoder_size != self.size:
            encoder = av.CodecContext.create("libx264", "w")
            assert isinstance(encoder, av.VideoCodecContext)
            encoder.width, encoder.height = self._encoder_size = self.size
            encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, FRAME_RATE)
            encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10000", "profile": "baseline"}
            self._encoder = encoder
        frame = av.VideoFrame(*self.size, "yuv420p")
        for plane, value in zip(frame.planes, (235 if is_bright else 30, 128, 128), strict=True):
            plane.update(bytes((value,)) * plane.buffer_size)
        frame.pts = index
        if self._wants_key:
            self._wants_key = False
            self.key_frames += 1
            frame.pict_type = av.video.frame.PictureType.I
        data = b"".join(bytes(packet) for packet in self._encoder.encode(frame))
        return [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]

    async def _say(self, sounds: list[tuple[int, bytes]]) -> None:
        for time_ms, payload in sounds:
            captured_s = time_ms / 1_000 / (1 + self.sound_drift)
            await asyncio.sleep(self._began_s + captured_s + self.audio_late_s - time.time())
            self._link.send(self._audio.packet(payload, 48 * time_ms, marker=False))

    def be_silent(self) -> None:
        """Says nothing more by itself."""
        assert self._saying is not None
        self._saying.cancel()

    def say_and_hold_up(self, payloads: list[bytes], from_ms: int) -> None:
        """Sends sound, 20 ms each, when it is time for it; whoever shares this event loop stands still meanwhile."""
        for number, payload in enumerate(payloads):
            time_ms = from_ms + 20 * number
            time.sleep(max(self._began_s + time_ms / 1_000 - time.time(), 0))
            self._link.send(self._audio.packet(payload, 48 * time_ms, marker=False))

    @property
    def age_ms(self) -> int:
        """Since it was opened, in multiples of a packet of sound."""
        return int((time.time() - self._began_s) * 50) * 20

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            now_s = time.time()
            for sent, drift in ((self._video, 0.0), (self._audio, self.sound_drift)):
                if sent.packets:
                    units = int(sent.rate_hz * (1 + drift) * (now_s - self._began_s))
                    self._link.send(sent.report(now_s, units))

    def _on_packet(self, packet: bytes) -> None:
        if is_rtcp(packet) and any(isinstance(said, KeyFrameRequest) for said in read_rtcp(packet)):
            self._wants_key = True
