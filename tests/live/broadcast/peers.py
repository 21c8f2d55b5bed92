"""Players of a broadcast, as their own end of a TCP connection sees it."""

from __future__ import annotations

import asyncio
import socket

from miso.live.broadcast.broadcast import Broadcast
from miso.live.broadcast.player import BroadcastPlayer
from miso.live.media.flv import FlvReader, Tag
from miso.live.sessions.session import EndReason
from miso.live.streams.subscription import Start
from tests.patience import PATIENCE_S


class Viewer:
    """A player, the other end of its connection, and why it ended."""

    player: BroadcastPlayer

    def __init__(self, theirs: socket.socket, transport: asyncio.Transport) -> None:
        self.theirs = theirs
        self.transport = transport
        self.got = bytearray()
        self.ended: list[tuple[EndReason, str]] = []

    def on_end(self, reason: EndReason, detail: str) -> None:
        self.ended.append((reason, detail))

    async def read(self, size: int) -> bytes:
        """So many bytes, from where it stopped."""
        loop = asyncio.get_running_loop()
        while len(self.got) < size:
            data = await asyncio.wait_for(loop.sock_recv(self.theirs, 1 << 16), PATIENCE_S)
            assert data, "the connection is closed"
            self.got += data
        data = bytes(self.got[:size])
        del self.got[:size]
        return data

    async def tags(self, count: int) -> list[Tag]:
        """So many tags, of a file that begins here."""
        reader, found = FlvReader(), []
        loop = asyncio.get_running_loop()
        found += reader.feed(bytes(self.got))
        while len(found) < count:
            data = await asyncio.wait_for(loop.sock_recv(self.theirs, 1 << 16), PATIENCE_S)
            assert data, f"closed after {len(found)} tags"
            self.got += data
            found += reader.feed(data)
        assert len(found) == count, found[count:]
        return found

    def close(self) -> None:
        self.player.remove()
        self.transport.abort()
        self.theirs.close()


async def connect(*, small_buffers: bool = False) -> tuple[socket.socket, asyncio.Transport]:
    """Both ends of a TCP connection; ours is a transport."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        if small_buffers:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        theirs = socket.socket()
        if small_buffers:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        theirs.connect(listening.getsockname())
        theirs.setblocking(False)
        ours = listening.accept()[0]
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    return theirs, transport


async def join(
    broadcast: Broadcast,
    start: Start = Start.FAST,
    *,
    small_buffers: bool = False,
    wants_audio: bool = True,
    wants_video: bool = True,
    before: bytes = b"",
    through_transport: bool = False,
) -> Viewer:
    theirs, transport = await connect(small_buffers=small_buffers)
    viewer = Viewer(theirs, transport)
    viewer.player = broadcast.add(
        Encrypting(transport) if through_transport else transport,
        start=start,
        on_end=viewer.on_end,
        wants_audio=wants_audio,
        wants_video=wants_video,
        before=before,
    )
    return viewer


class Encrypting(asyncio.WriteTransport):
    """A transport that nobody may write beside, as those of TLS are; it shows what it is given."""

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__({"ssl_object": object()})
        self._inner = inner

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._inner.write(data)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size()

    def is_closing(self) -> bool:
        return self._inner.is_closing()
