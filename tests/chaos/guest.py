"""An honest participant: joins a room over signaling, sends audio and perhaps a picture, counts what comes."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.path import MediaPath
from tests.demo.client import RoomClient
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, RtpPacket, parse_rtp, rtp

AUDIO_SSRC, VIDEO_SSRC = 1_001, 2_001
PROBATION_SSRC = 1_234  # what the worker probes the path with, as mediasoup does
AUDIO_PAYLOAD = bytes(80)
FRAMES_PER_S = 30
PACKETS_OF_FRAME = 3
KEY_FRAME_EVERY = 60  # frames: nobody has to ask
_FILLING = bytes(860)
_BYE_TIMEOUT_S = 5.0


@dataclass(slots=True)
class Stream:
    """What came of one consumer.

    Attributes:
        packets: How many.
        first, last: Sequence numbers, the last one unwrapped from the first.
        longest_gap_s: The longest time between two frames, or two packets of sound.
    """

    packets: int = 0
    first: int = -1
    last: int = -1
    longest_gap_s: float = 0.0
    _timestamp: int = -1
    _frame_s: float = field(default_factory=time.monotonic)

    @property
    def lost(self) -> int:
        """Numbers that never came."""
        return max(0, self.last - self.first + 1 - self.packets) if self.packets else 0

    def take(self, sequence_number: int, timestamp: int, now_s: float) -> None:
        """A packet has come."""
        if self.first < 0:
            self.first = self.last = sequence_number
        self.last = max(self.last, self.last + (sequence_number - self.last + 0x8000) % 0x10000 - 0x8000)
        self.packets += 1
        if timestamp != self._timestamp:
            self.gap(now_s)
            self._timestamp, self._frame_s = timestamp, now_s

    def gap(self, now_s: float) -> None:
        """So long it has been now."""
        self.longest_gap_s = max(self.longest_gap_s, now_s - self._frame_s)


class Guest:
    """One participant, in a room with its own source address.

    Attributes:
        client: Its signaling.
        sending, receiving: Its two paths, once joined.
        streams: What comes, by SSRC; forgotten by ``measure``.
        on_packet: Called with each packet that comes, and when, in seconds of the monotonic clock.
        on_frame_sent: Called with the RTP timestamp of each frame of its own, and when it was sent.
    """

    def __init__(self, client: RoomClient, ip: str) -> None:
        self.client = client
        self.streams: dict[int, Stream] = {}
        self.on_packet: Callable[[RtpPacket, float], None] = lambda packet, now_s: None
        self.on_frame_sent: Callable[[int, float], None] = lambda timestamp, now_s: None
        self.sending: MediaPath
        self.receiving: MediaPath
        self._paths: list[MediaPath] = []
        self._ip = ip
        self._new_stream = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def connect(cls, url: str, room: str, name: str, ip: str = "127.0.0.1") -> Guest:
        """Connects to the server, from an address of this host."""
        return cls(await RoomClient.connect(url, room, name, local_ip=ip), ip)

    async def join(self) -> None:
        """Joins, with a path to send over and one to receive over."""
        sending = await self.client.transport(producing=True)
        receiving = await self.client.transport(consuming=True)
        self.sending, self.receiving = MediaPath(sending, self._ip), MediaPath(receiving, self._ip)
        self._paths += [self.sending, self.receiving]
        self.receiving.on_rtp = self._on_rtp
        for path, transport in ((self.sending, sending), (self.receiving, receiving)):
            await self.client.request(
                "connectWebRtcTransport", transportId=transport["id"], dtlsParameters=path.dtls_parameters
            )
            await path.connect()
        self._transport_id = sending["id"]
        await self.client.request(
            "join",
            displayName="guest",
            device={"flag": "chaos", "name": "chaos"},
            rtpCapabilities=await self.client.request("getRouterRtpCapabilities"),
        )

    async def send_audio(self, packets_per_s: int) -> None:
        """Makes a producer, and sends so many packets a second from then on."""
        codec = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
        await self._produce("audio", codec, AUDIO_SSRC)
        self._tasks.append(asyncio.create_task(self._speak(packets_per_s)))

    async def send_video(self) -> None:
        """Makes a producer, and sends thirty frames a second from then on."""
        codec = {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "rtcpFeedback": []}
        await self._produce("video", codec, VIDEO_SSRC)
        self._tasks.append(asyncio.create_task(self._show()))

    async def hears(self, streams: int) -> None:
        """Waits until so many streams have come."""
        while len(self.streams) < streams:
            self._new_stream.clear()
            await self._new_stream.wait()

    def measure(self) -> None:
        """Counts from now on, on the streams that there are."""
        self.streams = {ssrc: Stream() for ssrc in self.streams}

    def stop_measuring(self) -> list[Stream]:
        """What came of each stream; one that has dried up has a long gap."""
        now_s = time.monotonic()
        for stream in self.streams.values():
            stream.gap(now_s)
        return list(self.streams.values())

    async def close(self) -> None:
        """Leaves."""
        self._stop()
        await asyncio.wait_for(self.client.close(), _BYE_TIMEOUT_S)

    def vanish(self) -> None:
        """Is gone, without a word."""
        self._stop()
        self.client.abort()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for path in self._paths:
            path.close()

    async def _produce(self, kind: str, codec: dict[str, Any], ssrc: int) -> None:
        parameters = {"mid": kind, "codecs": [codec], "encodings": [{"ssrc": ssrc}], "rtcp": {"cname": "guest"}}
        await self.client.request(
            "produce", transportId=self._transport_id, kind=kind, rtpParameters=parameters, appData={}
        )

    async def _speak(self, packets_per_s: int) -> None:
        async for number in _beats(packets_per_s):
            timestamp = number * 48_000 // packets_per_s
            packet = rtp(number, AUDIO_PAYLOAD, ssrc=AUDIO_SSRC, payload_type=111, timestamp=timestamp)
            self.sending.send_rtp(packet)

    async def _show(self) -> None:
        numbers = itertools.count()
        async for frame in _beats(FRAMES_PER_S):
            is_key = frame % KEY_FRAME_EVERY == 0
            timestamp = frame * 90_000 // FRAMES_PER_S
            self.on_frame_sent(timestamp, time.monotonic())
            for part in range(PACKETS_OF_FRAME):
                head = (KEY_FRAME if is_key else DELTA_FRAME) if part == 0 else b"\x00"
                self.sending.send_rtp(
                    rtp(
                        next(numbers),
                        head + _FILLING,
                        ssrc=VIDEO_SSRC,
                        payload_type=96,
                        timestamp=timestamp,
                        marker=part == PACKETS_OF_FRAME - 1,
                    )
                )

    def _on_rtp(self, data: bytes, now_s: float) -> None:
        packet = parse_rtp(data)
        if packet.ssrc == PROBATION_SSRC:
            return
        if packet.ssrc not in self.streams:
            self.streams[packet.ssrc] = Stream()
            self._new_stream.set()
        self.streams[packet.ssrc].take(packet.sequence_number, packet.timestamp, now_s)
        self.on_packet(packet, now_s)


async def _beats(per_s: int) -> Any:
    """Numbers, so many a second; after a pause it goes on in step, and makes up for nothing."""
    loop = asyncio.get_running_loop()
    due_s, number = loop.time(), 0
    while True:
        yield number
        number += 1
        due_s = max(due_s + 1 / per_s, loop.time() - 0.1)
        await asyncio.sleep(due_s - loop.time())
