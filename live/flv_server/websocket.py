"""A player's WebSocket: its handshake, and the little that a player says. What it is sent, is framed with the tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from miso.live.errors import ParseError

MAX_MESSAGE_BYTES: Final = 4_096
PING: Final = Frame(Opcode.PING, b"").serialize(mask=False)
_SWITCHING: Final = 101


class PlayerWebSocket:
    """One connection, without its socket.

    Attributes:
        greeting: What the player gets first; None: its handshake is of no use, and :attr:`refusal` is the answer.
        refusal: The answer to a handshake that is of no use.
    """

    def __init__(self, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Reads a handshake.

        Args:
            target: Path and query of the request.
            headers: Of the request.
        """
        self.greeting: bytes | None = None
        self.refusal: Response | None = None
        self._protocol = protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES)
        protocol.receive_data(
            b"GET %b HTTP/1.1\r\n%b\r\n" % (target, b"".join(b"%b: %b\r\n" % header for header in headers))
        )
        for event in protocol.events_received():
            if isinstance(event, Request):
                response = protocol.accept(event)
                if response.status_code == _SWITCHING:
                    protocol.send_response(response)
                    self.greeting = b"".join(protocol.data_to_send())
                else:
                    self.refusal = response

    @property
    def is_closed(self) -> bool:
        """Whether the player has said goodbye."""
        return self._protocol.state is not State.OPEN

    def receive(self, data: bytes) -> bytes:
        """Takes what has come.

        Returns:
            What it is answered: pongs, and its goodbye.

        Raises:
            ParseError: It is no WebSocket, or a longer message than players have to say.
        """
        self._protocol.receive_data(data)
        self._protocol.events_received()
        answer = b"".join(self._protocol.data_to_send())
        if self._protocol.parser_exc is not None:
            raise ParseError(f"WebSocket: {self._protocol.parser_exc}")
        return answer

    def goodbye(self, code: int, reason: str) -> bytes:
        """What is sent last, from our side."""
        if self.is_closed:
            return b""
        self._protocol.send_close(code, reason)
        return b"".join(self._protocol.data_to_send())
