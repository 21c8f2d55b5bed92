"""One player's connection, once it has been taken over from HTTP.

Who closes its sending side is gone: a player that was closed, and one that only says nothing more, look the same, and
the first would otherwise be noticed with the next packet only, which may be long in coming.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from websockets.frames import CloseCode

from miso.live.broadcast.player import BroadcastPlayer
from miso.live.broadcast.tls_player import TlsPlayer
from miso.live.errors import ParseError
from miso.live.flv_server.format import LAST_CHUNK, Framing
from miso.live.flv_server.websocket import PING, PlayerWebSocket
from miso.live.sessions.session import Counts, EndReason, Session

UNANSWERED_PINGS: Final = 3
_CLOSE_CODES: Final = {
    EndReason.STREAM_ENDED: CloseCode.NORMAL_CLOSURE,
    EndReason.PROTOCOL: CloseCode.PROTOCOL_ERROR,
}


class Connections(Protocol):
    """Where connections are known, as they see it."""

    max_received_bytes: int

    def left(self, connection: FlvConnection) -> None:
        """It is over."""


class FlvConnection(asyncio.Protocol):
    """A player's connection.

    Args:
        session: The player's.
        websocket: None: it is plain HTTP, and what comes behind the request is of no interest.
        framing: What is around each tag.
        connections: Where it is known until it is lost.
    """

    def __init__(
        self, session: Session, websocket: PlayerWebSocket | None, framing: Framing, connections: Connections
    ) -> None:
        self.session = session
        self.framing: Final = framing
        self._websocket = websocket
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._player: BroadcastPlayer | None = None
        self._received_bytes = 0
        self._unanswered_pings = 0

    def play(self, transport: asyncio.Transport, player: BroadcastPlayer) -> None:
        """Begins.

        Args:
            transport: The connection.
            player: In its broadcast.
        """
        self._transport = transport
        self._player = player
        self.session.count = self._count
        self.session.begin()

    def ended(self, reason: EndReason, detail: str) -> None:
        """The broadcast sends it no more."""
        self.session.end(reason, detail)
        if self._transport is None:
            return
        if reason is EndReason.STREAM_ENDED:
            self._say_goodbye(reason)
            self._transport.close()
        else:
            self._transport.abort()

    def close(self, reason: EndReason, detail: str = "") -> None:
        """Ends it from our side."""
        if self._player is not None:
            self._player.remove()
        self.session.end(reason, detail)
        if self._transport is not None:
            self._transport.abort()

    def ping(self) -> None:
        """Looks whether a WebSocket player is there, at times."""
        if self._websocket is None or self._player is None:
            return
        if self._unanswered_pings == UNANSWERED_PINGS:
            self.close(EndReason.TIMEOUT, f"{UNANSWERED_PINGS} pings without an answer")
        else:
            self._unanswered_pings += 1
            self._player.say(PING)

    def data_received(self, data: bytes) -> None:
        """Players have little to say."""
        self._unanswered_pings = 0
        self._received_bytes += len(data)
        if self._received_bytes > self._connections.max_received_bytes:
            self.close(EndReason.PROTOCOL, f"it sent {self._received_bytes} bytes behind its request")
        elif self._websocket is not None and not self._websocket.is_closed:
            self._take(self._websocket, data)

    def resume_writing(self) -> None:
        """There is room again."""
        if isinstance(self._player, TlsPlayer):
            self._player.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._player is not None:
            self._player.remove()
        self.session.end(EndReason.DONE, str(exc) if exc is not None else "")
        self._connections.left(self)

    def _take(self, websocket: PlayerWebSocket, data: bytes) -> None:
        try:
            answer = websocket.receive(data)
        except ParseError as error:
            self.close(EndReason.PROTOCOL, str(error))
            return
        if answer and self._player is not None:
            self._player.say(answer)
        if websocket.is_closed:
            if self._player is not None:
                self._player.remove()
            self.session.end(EndReason.DONE)
            if self._transport is not None:
                self._transport.close()

    def _say_goodbye(self, reason: EndReason) -> None:
        assert self._transport is not None
        if self._websocket is not None:
            self._transport.write(self._websocket.goodbye(_CLOSE_CODES[reason], reason.value))
        elif self.framing is Framing.CHUNK:
            self._transport.write(LAST_CHUNK)

    def _count(self) -> Counts:
        player = self._player
        assert player is not None
        return Counts(self._received_bytes, player.sent_bytes, player.dropped_packets)
