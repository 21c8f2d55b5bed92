"""Sends a stream to another server, as one of its publishers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from miso.live.broadcast.opening import metadata, read_members
from miso.live.errors import StreamClosedError
from miso.live.media.amf0 import write_amf0
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.relay.connection import RelayConnection
from miso.live.rtmp.capabilities import CapsEx
from miso.live.rtmp.messages import MessageType
from miso.live.rtmp.session.client_session import Started
from miso.live.sessions.session import Session
from miso.live.streams.registry import Streams
from miso.live.streams.stream import State, Stream
from miso.live.streams.subscription import Start

_TYPES: Final = {Kind.AUDIO: MessageType.AUDIO, Kind.VIDEO: MessageType.VIDEO, Kind.DATA: MessageType.DATA}
_SET_DATA_FRAME: Final = write_amf0("@setDataFrame")
"""Before the metadata of who publishes: the server is to keep them for players that come later."""


class Push:
    """Publishes to a connection.

    Args:
        path: The stream's, here.
        streams: Where it is.
    """

    def __init__(self, path: str, streams: Streams) -> None:
        self._path = path
        self._streams = streams

    def check(self) -> None:
        """Raises StreamClosedError when nobody publishes the stream."""
        self._stream()

    async def carry(self, connection: RelayConnection, session: Session, on_begun: Callable[[], None]) -> None:
        """Goes on until the connection or the stream ends, and raises why."""
        stream = self._stream()
        sending: asyncio.Task[None] | None = None
        try:
            async for event in connection.events():
                if isinstance(event, Started) and sending is None:
                    on_begun()
                    sender = _Sender(stream, connection, session, bool(event.capabilities.caps & CapsEx.MULTITRACK))
                    sending = asyncio.create_task(sender.run())
                    sending.add_done_callback(lambda task: _pass_on(task, connection))
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    def _stream(self) -> Stream:
        stream = self._streams.get(self._path)
        if stream is None or stream.state is not State.PUBLISHING:
            raise StreamClosedError(f"{self._path} is not published")
        return stream


class _Sender:
    """Sends a stream's packets.

    A server that takes them slowly is sent fewer: what the stream's ring no longer has is passed over to the newest key
    frame.
    """

    def __init__(self, stream: Stream, connection: RelayConnection, session: Session, is_multitrack: bool) -> None:
        self._stream = stream
        self._connection = connection
        self._session = session
        self._is_multitrack = is_multitrack
        self._base_ms: int | None = None

    async def run(self) -> None:
        """Goes on until the stream is over."""
        await self._stream.wait_for_tracks()
        subscription = self._stream.subscribe(Start.FAST)
        self._send_metadata()
        configured = set()
        while (reading := await subscription.next()) is not None:
            packet = reading.packet
            self._session.dropped_packets += reading.skipped
            if packet.track.number and not self._is_multitrack:
                continue
            if self._base_ms is None:
                self._base_ms = packet.dts_ms
            if packet.track not in configured or reading.skipped:
                configured.add(packet.track)
                config = self._stream.tracks[packet.track].config
                if config is not None and not packet.is_config:
                    self._send(config.at(packet.dts_ms))
            self._send(packet)
            await self._connection.drain()
        raise StreamClosedError(f"{self._stream.path} is over")

    def _send_metadata(self) -> None:
        tracks = [track for track in self._stream.tracks.values() if not track.ended]
        descriptions = [description for track in tracks if (description := track.description()) is not None]
        self._send(metadata({}, descriptions))

    def _send(self, packet: Packet) -> None:
        body = packet.flv_body(enhanced=False)
        kind = packet.track.kind
        if kind is Kind.DATA:
            if read_members(body) is None:
                return
            body = _SET_DATA_FRAME + body
        elif not body and packet.is_end:
            return  # it has no form of before enhanced RTMP
        time_ms = 0 if self._base_ms is None or kind is Kind.DATA else max(0, packet.dts_ms - self._base_ms)
        self._connection.send(_TYPES[kind], time_ms, body)


def _pass_on(task: asyncio.Task[None], connection: RelayConnection) -> None:
    """What ended the sending ends the connection."""
    if not task.cancelled() and isinstance(error := task.exception(), Exception):
        connection.fail(error)
