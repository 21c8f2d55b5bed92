"""200 players that read nothing, beside one that reads: ``python -m tests.live.frozen [--seconds 60] [WAY …]``.

Runs ``python -m miso.live`` with its own settings, and ffmpeg, which publishes 2 Mbit/s. For each way to play
(``rtmp``, ``rtmps``, ``http``, ``https``, ``ws``, ``wss``) 200 players join, get the beginning of the stream, and read
no more; who is closed comes again at once, so that there are 200 all the time. Prints by how much the server's memory
has grown, what the one that reads has missed, and how the sessions of the others ended; fails beyond the limits.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import secrets
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from websockets.frames import Opcode
from websockets.protocol import CLIENT, State
from websockets.protocol import Protocol as WebSocketProtocol

from bench.live.source import Source
from miso.live.media.flv import FlvReader, TagType
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.session.client_session import ClientLimits, ClientSession, Purpose
from miso.live.rtmp.session.events import Ended
from miso.live.rtmp.url import read_url
from tests.live.flv_server.house import Content
from tests.live.soak import Server

WAYS = ("rtmp", "rtmps", "http", "https", "ws", "wss")
TLS = ("rtmps", "https", "wss")
FROZEN = 200
MAX_GROWTH_KB = {False: 30_000, True: 90_000}
"""Without TLS and with it: there each connection has OpenSSL's state, and what is encrypted and not sent."""
MAX_GAP_MS = 200
"""Between two pictures of who reads; there is one every 40 ms."""
SETTLE_S = 4.0
SMALL_BUFFER = 4_096
TCP_ESTABLISHED = 1
"""The state of a connection as Linux tells it."""


class Reading(Protocol):
    """What a player says, and makes of what comes."""

    def feed(self, data: bytes) -> tuple[bytes, list[int]]:
        """What is to be sent, and the times of pictures that have come; nothing at first."""


class RtmpReading:
    """By RTMP."""

    def __init__(self, url: str) -> None:
        self._session = ClientSession(read_url(url), Purpose.PLAY, ClientLimits(), time.monotonic())

    def feed(self, data: bytes) -> tuple[bytes, list[int]]:
        times = []
        for event in self._session.receive(data, time.monotonic()):
            if isinstance(event, Ended):
                raise ConnectionError(event.detail)
            if isinstance(event, Message) and event.type_id == MessageType.VIDEO:
                times.append(event.timestamp_ms)
        return self._session.take_output(), times


class FlvReading:
    """By HTTP."""

    def __init__(self, path: str) -> None:
        self._to_send = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self._content = Content()
        self._flv = FlvReader()

    def feed(self, data: bytes) -> tuple[bytes, list[int]]:
        to_send, self._to_send = self._to_send, b""
        return to_send, _times(self._flv, self._content.feed(data)) if data else []


class WebSocketReading:
    """By WebSocket."""

    def __init__(self, path: str) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._to_send = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self._head: bytes | None = b""
        self._frames = WebSocketProtocol(CLIENT, state=State.OPEN, max_size=None)
        self._flv = FlvReader()

    def feed(self, data: bytes) -> tuple[bytes, list[int]]:
        to_send, self._to_send = self._to_send, b""
        if self._head is not None:
            self._head += data
            _, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return to_send, []
            self._head = None
        self._frames.receive_data(data)
        times = []
        for frame in self._frames.events_received():
            if frame.opcode is Opcode.BINARY:  # type: ignore[union-attr]
                times += _times(self._flv, bytes(frame.data))  # type: ignore[union-attr]
        return to_send + b"".join(self._frames.data_to_send()), times


def _times(flv: FlvReader, data: bytes) -> list[int]:
    return [tag.timestamp_ms for tag in flv.feed(data) if tag.tag_type is TagType.VIDEO and tag.body[1] == 1]


@dataclass
class Found:
    """What happened in one run.

    Attributes:
        is_tls: Whether the players came by TLS.
        grown_kb: How much more memory the server had at most than before the players came.
        pictures: Of the player that reads.
        gap_ms: The longest time between two of them, by their own clock.
        joined: How many joined that did not read.
        too_slow: How many of them the server closed for that.
        other_ends: How else sessions have ended before all went.
    """

    is_tls: bool
    grown_kb: int = 0
    pictures: int = 0
    gap_ms: int = 0
    joined: int = 0
    too_slow: int = 0
    other_ends: dict[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        return (
            self.grown_kb <= MAX_GROWTH_KB[self.is_tls]
            and self.pictures > 0
            and self.gap_ms <= MAX_GAP_MS
            and self.joined >= 2 * FROZEN
            and self.too_slow >= FROZEN
            and not self.other_ends
        )


class Run:
    """One way to play, on one server."""

    def __init__(self, server: Server, way: str) -> None:
        self.found = Found(way in TLS)
        self._server = server
        self._way = way
        self._trust = ssl.create_default_context(cafile=server.certificate.chain)
        self._before_kb = 0

    async def play(self, seconds: float) -> Found:
        reader = asyncio.create_task(self._read())
        await asyncio.sleep(SETTLE_S)
        self._before_kb = self._server.measure().resident_kb
        frozen = [asyncio.create_task(self._freeze()) for _ in range(FROZEN)]
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            grown_kb = self._server.measure().resident_kb - self._before_kb
            self.found.grown_kb = max(self.found.grown_kb, grown_kb)
            for task in (reader, *frozen):
                if task.done():
                    task.result()
        for what, count in self._server.endings().items():
            if "too slow" in what:
                self.found.too_slow = count
            else:
                self.found.other_ends[what] = count
        for task in (reader, *frozen):
            task.cancel()
        await asyncio.wait((reader, *frozen))
        return self.found

    async def _read(self) -> None:
        reading = self._reading()
        last_ms: int | None = None
        async with self._connect(small=False) as (reader, writer):
            writer.write(reading.feed(b"")[0])
            while True:
                data = await reader.read(1 << 18)
                if not data:
                    raise ConnectionError("the player that reads was closed")
                to_send, times = reading.feed(data)
                writer.write(to_send)
                for time_ms in times:
                    if last_ms is not None:
                        self.found.gap_ms = max(self.found.gap_ms, time_ms - last_ms)
                    last_ms = time_ms
                    self.found.pictures += 1

    async def _freeze(self) -> None:
        """Comes, reads until it has a picture, then nothing until it is closed; comes again."""
        while True:
            reading = self._reading()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
                async with self._connect(small=True) as (reader, writer):
                    times: list[int] = []
                    to_send, _ = reading.feed(b"")
                    while not times:
                        writer.write(to_send)
                        data = await reader.read(1 << 12)
                        if not data:
                            raise ConnectionError
                        to_send, times = reading.feed(data)
                    self.found.joined += 1
                    writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await self._until_closed(writer)
            await asyncio.sleep(0.1)

    async def _until_closed(self, writer: asyncio.StreamWriter) -> None:
        """Who does not read is told of the end by its socket only."""
        connection = writer.get_extra_info("socket")
        while _is_connected(connection):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.5)

    def _reading(self) -> Reading:
        if self._way in ("rtmp", "rtmps"):
            return RtmpReading(f"{self._way}://localhost:{self._server.ports[self._way]}/live/a")
        return WebSocketReading("/live/a.flv") if self._way in ("ws", "wss") else FlvReading("/live/a.flv")

    @contextlib.asynccontextmanager
    async def _connect(self, *, small: bool) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        client = socket.socket()
        client.setblocking(False)
        if small:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        port = self._server.ports[self._way.replace("ws", "http")]
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        is_tls = self.found.is_tls
        reader, writer = await asyncio.open_connection(
            sock=client,
            limit=SMALL_BUFFER if small else 1 << 20,
            ssl=self._trust if is_tls else None,
            server_hostname="localhost" if is_tls else None,
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


def _is_connected(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED


async def _publish_and_play(folder: Path, way: str, seconds: float, source: Source) -> Found:
    server = Server(folder, {})
    publisher = source.publish(f"rtmp://127.0.0.1:{server.ports['rtmp']}/live/a")
    try:
        return await Run(server, way).play(seconds)
    finally:
        publisher.kill()
        publisher.wait()
        server.stop()


def main() -> int:
    """Returns 0 when all limits hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.frozen", description=__doc__)
    parser.add_argument("ways", nargs="*", choices=[[], *WAYS], default=list(WAYS), metavar="WAY")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    is_good = True
    with tempfile.TemporaryDirectory(prefix="miso-frozen-") as name:
        source = Source.make(Path(name))
        for way in options.ways:
            folder = Path(name) / way
            folder.mkdir()
            found = asyncio.run(_publish_and_play(folder, way, options.seconds, source))
            is_good &= found.is_good
            print(
                f"{way:<6} {'good' if found.is_good else 'BAD'}: memory +{found.grown_kb / 1000:.1f} MB at most; the "
                f"player that reads: {found.pictures} pictures, at most {found.gap_ms} ms apart; {found.joined} joined "
                f"that do not, {found.too_slow} closed as too slow, others {found.other_ends}",
                flush=True,
            )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
