"""Live streams with HLS over HTTP, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from miso.live.access.gate import Gate
from miso.live.access.settings import AccessSettings
from miso.live.clock import Clock
from miso.live.hls.packagers import Packagers
from miso.live.hls.routes import hls_routes
from miso.live.hls.service import HlsService
from miso.live.hls.settings import HlsSettings
from miso.live.hls.viewers import Viewers
from miso.live.media.packet import Packet
from miso.live.sessions.events import Event, Events
from miso.live.sessions.sessions import Sessions
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings
from miso.live.web.web import Web
from tests.live.clock import FakeClock
from tests.live.hls.cutting import UNIX_S

PATH = "live/camera"


class House:
    """Streams, sessions, and HLS."""

    def __init__(
        self,
        clock: Clock,
        settings: HlsSettings | None = None,
        access: AccessSettings | None = None,
        sessions: SessionsSettings | None = None,
    ) -> None:
        settings = settings or HlsSettings()
        self.events: list[Event] = []
        events = Events()
        events.subscribe(self.events.append)
        self.streams = Streams(StreamSettings(), clock, 10)
        self.sessions = Sessions(sessions or SessionsSettings(), events, lambda: UNIX_S)
        self.packagers = Packagers(settings, clock, lambda: UNIX_S)
        self.viewers = Viewers(self.sessions, clock, settings.viewer_s)
        gate = Gate(access or AccessSettings(), lambda: UNIX_S)
        self.service = HlsService(gate, self.streams, self.packagers, self.viewers, settings)
        self.app = Starlette(routes=hls_routes(self.service, Web().address_of))

    def publish(self, path: str = PATH) -> Publication:
        return self.streams.publish(path, lambda: None)

    async def close(self) -> None:
        self.viewers.close()
        self.streams.close()
        await self.packagers.close()


async def send(publication: Publication, packets: Iterable[Packet], clock: FakeClock | None = None) -> None:
    for packet in packets:
        publication.write(packet)
        await asyncio.sleep(0)
    if clock is not None:
        clock.advance(2)  # the tracks count as known
    for _ in range(3):
        await asyncio.sleep(0)


@asynccontextmanager
async def house(
    settings: HlsSettings | None = None,
    access: AccessSettings | None = None,
    sessions: SessionsSettings | None = None,
) -> AsyncIterator[tuple[House, FakeClock]]:
    clock = FakeClock()
    made = House(clock, settings, access, sessions)
    try:
        yield made, clock
    finally:
        await made.close()
