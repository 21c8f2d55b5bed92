"""The live side with FLV on ports of this machine, and publishers within it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import h11

from miso.live.engine.engine import Engine
from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.engine.settings_model import live_settings_model
from miso.live.flv_server.plugin import FlvServer
from miso.live.media.packet import Packet
from miso.live.streams.publication import Publication
from miso.live.web.plugin import WebPlugin
from tests.live.endless import send_for_ever

PATH = "live/camera"
SLOWEST_S = 60


class House:
    """A live side.

    Attributes:
        live: What plugins share.
        web: Its ports.
    """

    def __init__(self, engine: Engine) -> None:
        self.live: Live = engine.live
        (self.web,) = (plugin for plugin in engine.running if isinstance(plugin, WebPlugin))
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/{PATH}.flv"

    def publish(self, packets: Sequence[Packet], path: str = PATH) -> Publication:
        """Publishes as fast as it plays, again and again."""
        publication = self.live.streams.publish(path, lambda: None)
        self._tasks.append(asyncio.create_task(send_for_ever(publication, packets)))
        return publication

    async def stop(self) -> None:
        """Publishes nothing more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.web.port)

    async def ask(self, target: str, *headers: str, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
        """Status, headers and body of an answer that ends."""
        reader, writer = await self.connect()
        lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(SLOWEST_S):
            answer = await reader.read()
        writer.close()
        return parsed(answer)


class Content:
    """What an answer carries, as a client sees it that minds every rule of HTTP/1.1.

    Attributes:
        is_whole: Whether it has come to its end.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.headers: dict[str, str] = {}
        self.status = 0
        self._client = h11.Connection(h11.CLIENT)
        self._client.send(h11.Request(method="GET", target="/", headers=[("Host", "localhost")]))
        self._client.send(h11.EndOfMessage())

    def feed(self, data: bytes) -> bytes:
        """What has come; nothing: the connection is closed."""
        self._client.receive_data(data)
        got = b""
        while (event := self._client.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Response):
                self.status = event.status_code
                self.headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                got += event.data
            else:
                self.is_whole |= isinstance(event, h11.EndOfMessage)
                break
        return got


def parsed(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


@asynccontextmanager
async def house(**sections: Any) -> AsyncIterator[House]:
    """A live side with these sections of settings."""
    plugins: list[type[Plugin]] = [WebPlugin, FlvServer]
    model: Any = live_settings_model(plugins)
    web = {"host": "127.0.0.1", "port": 0, "https_port": 0, **sections.pop("web", {})}
    engine = Engine(model(web=web, **sections), plugins)
    await engine.start()
    made = House(engine)
    try:
        yield made
    finally:
        await made.stop()
        await engine.stop()
    assert len(made.live.sessions) == 0
    assert len(made.live.broadcasts) == 0
