"""A stream with a publisher that sends what an encoder made, and a recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from miso.live.media.packet import Packet
from miso.live.recording.recorder import Recorder
from miso.live.recording.recording import Recording
from miso.live.recording.settings import RecordingSettings
from miso.live.sessions.events import Event, Events
from miso.live.sessions.sessions import Sessions
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings
from tests.live.clock import FakeClock

PATH = "live/camera"
NOON = 1_700_000_000.0


class Studio:
    """Streams and a recorder, with clocks that stand still."""

    def __init__(self, folder: Path, *, path: str = PATH, **settings: object) -> None:
        self.path = path
        self.unix_s = NOON
        self.clock = FakeClock()
        self.streams = Streams(StreamSettings(), self.clock, 10)
        values = {"folder": folder, "keep_free_bytes": 0, **settings}
        self.events: list[Event] = []
        events = Events()
        events.subscribe(self.events.append)
        self.sessions = Sessions(SessionsSettings(), events, lambda: self.unix_s)
        self.recorder = Recorder(
            self.streams,
            self.sessions,
            RecordingSettings.model_validate(values),
            lambda: self.unix_s,
            self.clock.time,
        )
        self.publication: Publication = self.publish()

    def publish(self) -> Publication:
        self.publication = self.streams.publish(self.path, lambda: None)
        return self.publication

    async def send(self, packets: Iterable[Packet]) -> None:
        for number, packet in enumerate(packets):
            self.publication.write(packet)
            if number == 0:
                self.clock.advance(2)  # the tracks count as known
            if number % 10 == 0:
                await asyncio.sleep(0)  # whoever reads, reads along
        await asyncio.sleep(0)

    async def record(self, packets: Sequence[Packet]) -> Recording:
        """All of a stream, to its end."""
        recording = self.recorder.start(self.path)
        await self.send(packets)
        stream = self.streams.get(self.path)
        assert stream is not None
        stream.close()
        await recording.wait()
        return recording


def later(packets: Iterable[Packet], by_ms: int) -> list[Packet]:
    return [packet.at(packet.dts_ms + by_ms) for packet in packets]


def groups(packets: Sequence[Packet], count: int) -> list[Packet]:
    """The same again and again: a long stream that is quickly made."""
    length_ms = max(packet.dts_ms for packet in packets) + 40
    return [packet for number in range(count) for packet in later(packets, number * length_ms)]
