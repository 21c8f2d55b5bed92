"""Where TLS connections come in: they count for their address from the first packet, and have little time to greet.

A server of asyncio tells a protocol of a connection only when the TLS handshake is done. Until then nobody would count
it: who opens connections and says nothing could have all descriptors.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import ClassVar

from miso.protoo import RequestError

logger = logging.getLogger(__name__)


class TlsListener:
    """Accepts TCP connections and lets each speak its protocol once its TLS handshake is done.

    Args:
        sockets: They listen already.
        context: How to speak TLS.
        admit: Asked whether an address may have one more connection. It returns what is called when the connection is
            gone, or raises RequestError.
        failed: Told of a handshake that fails, with whose it was and why.
        make_protocol: Makes a connection's protocol, which calls what it is given when the connection is gone.
    """

    HANDSHAKE_S: ClassVar[float] = 10.0
    """How long a client may take."""
    SHUTDOWN_S: ClassVar[float] = 5.0
    """How long it may take to say goodbye."""
    ACCEPT_PAUSE_S: ClassVar[float] = 1.0
    """After a connection that could not be accepted, for want of descriptors for instance."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        context: ssl.SSLContext,
        admit: Callable[[str], Callable[[], None]],
        failed: Callable[[str], None],
        make_protocol: Callable[[Callable[[], None]], asyncio.BaseProtocol],
    ) -> None:
        self._context = context
        self._admit = admit
        self._failed = failed
        self._make_protocol = make_protocol
        self._opening: set[asyncio.Task[None]] = set()
        self._accepting = [asyncio.create_task(self._accept(one)) for one in sockets]

    def close(self) -> None:
        """Accepts nobody any more, and cuts off whose handshake is not done."""
        for task in (*self._accepting, *self._opening):
            task.cancel()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:
                logger.error("cannot accept a connection: %s", error)
                await asyncio.sleep(self.ACCEPT_PAUSE_S)
                continue
            self._take(connection, address[0])

    def _take(self, connection: socket.socket, host: str) -> None:
        """Begins the handshake; who has too many connections is cut off: no reason could be read."""
        try:
            give_back = self._admit(host)
        except RequestError:
            connection.close()
            return
        task = asyncio.create_task(self._open(connection, host, give_back))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket, host: str, give_back: Callable[[], None]) -> None:
        try:
            protocol = self._make_protocol(give_back)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self.HANDSHAKE_S,
                ssl_shutdown_timeout=self.SHUTDOWN_S,
            )
        except OSError as error:  # ssl.SSLError and TimeoutError are among them
            give_back()
            self._failed(f"remote={host}: {error or 'cut off'}")
        except BaseException:
            give_back()
            raise
