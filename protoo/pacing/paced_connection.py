"""The connections of ``websockets``, server and client, with their bytes paced (``paced_transport.py``)."""

from __future__ import annotations

import asyncio
from typing import ClassVar, cast

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode
from websockets.protocol import State

from miso.protoo.pacing.frames import FrameLimits
from miso.protoo.pacing.paced_transport import REFUSED, PacedTransport


class _Paced(Connection):
    """A connection that parses a few frames a turn.

    It does not answer the pings of who does not read: the answers would pile up.
    """

    limits: ClassVar[FrameLimits]
    """What the other side may send."""

    _paced: PacedTransport
    _receiving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._paced = PacedTransport(
            cast(asyncio.Transport, transport),
            take=self._take,
            refuse=self._refuse,
            limits=self.limits,
            behind_head=True,
        )
        super().connection_made(self._paced)

    def data_received(self, data: bytes) -> None:
        self._paced.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._paced.lost()
        super().connection_lost(exc)

    def send_data(self) -> None:
        if self._receiving and self.paused and self.protocol.state is State.OPEN:
            self.protocol.data_to_send()  # nothing but answers to pings
        else:
            super().send_data()

    def _take(self, data: bytes) -> None:
        self._receiving = True
        try:
            super().data_received(data)
        finally:
            self._receiving = False

    def _refuse(self, reason: str) -> None:
        address = self.remote_address
        REFUSED.count(f"remote={address[0] if address else ''}: {reason}")
        if self.protocol.state is State.OPEN:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, reason)
            self.send_data()
        self.transport.close()


def server_connection(frame_limits: FrameLimits) -> type[ServerConnection]:
    """The class of a server's connections whose clients may send so much."""

    class PacedServerConnection(_Paced, ServerConnection):
        limits = frame_limits

    return PacedServerConnection


def client_connection(frame_limits: FrameLimits) -> type[ClientConnection]:
    """The class of a client's connections whose servers may send so much."""

    class PacedClientConnection(_Paced, ClientConnection):
        limits = frame_limits

    return PacedClientConnection
