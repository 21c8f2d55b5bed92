"""An RTMP server of its own for a test, and peers that speak RTMP to it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from miso.live.engine.services import Live, make_live
from miso.live.engine.settings import LiveSettings
from miso.live.media.amf import Value
from miso.live.rtmp.chunks import ChunkReader, ChunkWriter
from miso.live.rtmp.commands import Command, make_command, read_command
from miso.live.rtmp.handshake import PACKET_BYTES, VERSION
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_user_control, user_control
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import Session
from miso.live.streams.settings import StreamsSettings

SLOWEST_S = 60.0
"""For what takes a moment on a machine that has nothing else to do."""


class Serving:
    """A server that runs in the test's event loop."""

    def __init__(self, live: Live, server: RtmpServer) -> None:
        self.live = live
        self.server = server
        self.peers: list[Peer] = []  # a connection ends with its last reference

    @property
    def port(self) -> int:
        return self.server.port

    def url(self, path: str) -> str:
        return f"rtmp://127.0.0.1:{self.port}/{path}"

    async def connect(self, app: str = "live", **members: Value) -> Peer:
        peer = await Peer.connect(self.port, app, **members)
        self.peers.append(peer)
        return peer

    async def dial(self) -> Peer:
        """A peer that has said nothing, and whose kernel keeps little for it."""
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        peer = Peer(*await asyncio.open_connection(sock=client))
        self.peers.append(peer)
        return peer

    def packets(self, path: str) -> int:
        """How many have come on a stream."""
        stream = self.live.streams.get(path)
        return sum(track.packets for track in stream.tracks.values()) if stream is not None else 0

    def session(self, path: str) -> Session:
        (session,) = self.live.sessions.of(path)
        return session


@asynccontextmanager
async def serve(
    rtmp: RtmpSettings | None = None,
    streams: StreamsSettings | None = None,
    settings: LiveSettings | None = None,
    port: int = 0,
) -> AsyncIterator[Serving]:
    settings = settings or LiveSettings(streams=streams or StreamsSettings())
    live = make_live(settings, asyncio.get_running_loop(), time.time)
    given = rtmp or RtmpSettings()
    server = RtmpServer(live, given.model_copy(update={"host": "127.0.0.1", "port": port, "rtmps_port": 0}))
    await server.start()
    serving = Serving(live, server)
    try:
        yield serving
    finally:
        for peer in serving.peers:
            peer.close()
        await server.stop()
        live.streams.close()
    assert len(live.sessions) == 0


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what will be so in a moment."""
    async with asyncio.timeout(SLOWEST_S):
        while not condition():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)  # nobody tells


class Peer:
    """A client whose messages a test decides, over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._chunks = ChunkReader()
        self._out = ChunkWriter()
        self._heard: list[Message] = []
        self.answers_pings = True

    @classmethod
    async def connect(cls, port: int, app: str = "live", **members: Value) -> Peer:
        peer = cls(*await asyncio.open_connection("127.0.0.1", port))
        await peer.introduce(app, **members)
        return peer

    async def introduce(self, app: str = "live", **members: Value) -> None:
        """Shakes hands and connects."""
        self.send_bytes(bytes((VERSION,)) + bytes(PACKET_BYTES))
        await self._reader.readexactly(1 + 2 * PACKET_BYTES)
        self.send_bytes(bytes(PACKET_BYTES))
        self.say("connect", 1, {"app": app, **members})
        self.say("createStream", 2, None)

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, *messages: Message) -> None:
        self._writer.write(b"".join(map(self._out.write, messages)))

    async def drain(self) -> None:
        await self._writer.drain()

    def say(self, name: str, transaction: float, *values: Value, stream_id: int = 0) -> None:
        self.send(make_command(name, transaction, *values, stream_id=stream_id))

    async def next(self) -> Message | None:
        """The next message; None: the connection was closed."""
        async with asyncio.timeout(SLOWEST_S):
            while not self._heard:
                try:
                    data = await self._reader.read(1 << 16)
                except ConnectionResetError:
                    return None
                if not data:
                    return None
                self._heard += self._chunks.feed(data)
        message = self._heard.pop(0)
        if message.type_id == MessageType.USER_CONTROL and self.answers_pings:
            control = user_control(message)
            if control.type_id == UserControlType.PING_REQUEST:
                self.send(make_user_control(UserControlType.PING_RESPONSE, *control.values))
        return message

    async def media(self) -> Message:
        """The next audio or video message."""
        while True:
            message = await self.next()
            assert message is not None, "the connection was closed"
            if message.type_id in (MessageType.AUDIO, MessageType.VIDEO):
                return message

    async def command(self, name: str = "onStatus") -> Command:
        """The next command of that name."""
        while True:
            message = await self.next()
            assert message is not None, "the connection was closed"
            if message.type_id == MessageType.COMMAND:
                command = read_command(message)
                if command.name == name:
                    return command

    async def code(self) -> str:
        """The code of the next status."""
        return str((await self.command()).members(1)["code"])

    async def publish(self, name: str = "name") -> str:
        self.say("publish", 3, None, name, "live", stream_id=1)
        return await self.code()

    async def play(self, name: str = "name") -> str:
        self.say("play", 3, None, name, -2000, stream_id=1)
        return await self.code()

    async def closed(self) -> bool:
        """Waits until the server closes the connection."""
        async with asyncio.timeout(SLOWEST_S):
            while True:
                try:
                    data = await self._reader.read(1 << 16)
                except ConnectionResetError:
                    return True
                if not data:
                    return True

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()
