"""A stream as HLS on a port of this machine, published as fast as it plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.routing import BaseRoute

from miso.live.hls.settings import HlsSettings
from miso.live.media.packet import Packet
from miso.live.streams.publication import Publication
from miso.serving.http_server import HttpServer
from miso.serving.listening import listen_locally
from tests.live.endless import send_for_ever
from tests.live.hls.house import PATH, House


class Broadcast:
    """A publisher that repeats what it has.

    Attributes:
        url: Of the first playlist.
        origin: Of the server.
        house: Streams and HLS.
    """

    def __init__(self, house: House, origin: str) -> None:
        self.house = house
        self.origin = origin
        self.url = f"{origin}/{PATH}.m3u8"
        self._task: asyncio.Task[None] | None = None

    def publish(self, packets: Sequence[Packet]) -> Publication:
        """Begins."""
        publication = self.house.publish()
        self._task = asyncio.create_task(send_for_ever(publication, packets))
        return publication

    async def stop(self) -> None:
        """Sends nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


@asynccontextmanager
async def broadcasting(
    settings: HlsSettings | None = None, routes: Sequence[BaseRoute] = ()
) -> AsyncIterator[Broadcast]:
    """A server.

    Args:
        settings: Of HLS.
        routes: What it serves beside HLS.
    """
    house = House(asyncio.get_running_loop(), settings)
    house.app.routes.extend(routes)
    listening = listen_locally(0, "port")
    server = HttpServer(house.app, listening, None, lambda host: lambda: None, lambda host: None)
    await server.start()
    broadcast = Broadcast(house, f"http://127.0.0.1:{listening.port}")
    try:
        yield broadcast
    finally:
        await broadcast.stop()
        await house.close()
        await server.stop()
