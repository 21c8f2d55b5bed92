"""Fetches a stream from another server: what it sends is published here."""

from __future__ import annotations

from collections.abc import Callable

from miso.live.errors import StreamBusyError, StreamClosedError
from miso.live.relay.connection import RelayConnection
from miso.live.rtmp.messages import Message
from miso.live.rtmp.session.client_session import Paused
from miso.live.rtmp_ingest.publisher import Publisher
from miso.live.sessions.session import Session
from miso.live.streams.registry import Streams
from miso.live.streams.stream import State


class Pull:
    """Publishes from a connection.

    Args:
        path: The stream's, here.
        streams: Where it is published.
    """

    def __init__(self, path: str, streams: Streams) -> None:
        self._path = path
        self._streams = streams

    def check(self) -> None:
        """Raises StreamBusyError when somebody else publishes the stream."""
        stream = self._streams.get(self._path)
        if stream is not None and stream.state is State.PUBLISHING:
            raise StreamBusyError(f"{self._path} is being published")

    async def carry(self, connection: RelayConnection, session: Session, on_begun: Callable[[], None]) -> None:
        """Goes on until the connection or the stream ends, and raises why.

        The stream is published with the first thing that comes, and given up when the server says that its publisher
        has gone; it is published again when that one comes back.
        """
        publisher: Publisher | None = None

        def dropped(packets: int) -> None:
            session.dropped_packets += packets

        def lost() -> None:
            connection.fail(StreamClosedError("somebody else publishes the stream now, or it was ended"))

        try:
            async for event in connection.events():
                if isinstance(event, Message):
                    if publisher is None:
                        publisher = Publisher(self._streams.publish(self._path, lost), dropped, str(session))
                        on_begun()
                    publisher.take(event)
                elif isinstance(event, Paused) and publisher is not None:
                    publisher.close()
                    publisher = None
        finally:
            if publisher is not None:
                publisher.close()
