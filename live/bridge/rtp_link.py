"""A way for RTP between this process and a router: a plain transport, and a socket of ours at its other end.

It is UDP on this machine's loopback. A direct transport would need no ports, but its packets cross the worker's command
pipe one by one: with 1,100 bytes each that took 34 us of CPU for a packet into the router and 25 us for one out of it,
where this takes 21 us and 3 us (both processes together, on the two-core machine of docs/performance.md).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from miso.controller import InvalidStateError, PlainTransport, Router

LOOPBACK: Final = "127.0.0.1"
_BUFFER_BYTES = 4_000_000
_MAX_PACKET = 2_048
_MAX_AT_ONCE = 64


class RtpLink:
    """Both ends. Made by :meth:`open`.

    Attributes:
        transport: The router's end.
        dropped: Packets that the socket did not take.
    """

    def __init__(self, transport: PlainTransport, udp: socket.socket, on_packet: Callable[[bytes], None]) -> None:
        self.transport = transport
        self.dropped = 0
        self._udp = udp
        self._on_packet = on_packet
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(udp.fileno(), self._read)
        transport.observer.once("close", self.close)

    @classmethod
    async def open(cls, router: Router, on_packet: Callable[[bytes], None]) -> RtpLink:
        """Makes both ends.

        Args:
            router: Where the other one is.
            on_packet: Gets each packet that comes, RTP or RTCP.

        Raises:
            ControllerError: The router cannot, or has closed.
        """
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        transport: PlainTransport | None = None
        try:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            udp.bind((LOOPBACK, 0))
            transport = await router.create_plain_transport(listen_ip=LOOPBACK)
            udp.connect((LOOPBACK, transport.tuple.local_port))
            await transport.connect(ip=LOOPBACK, port=udp.getsockname()[1])
            if transport.closed:  # before anybody could be told
                raise InvalidStateError("the router has closed")
            return cls(transport, udp, on_packet)
        except BaseException:
            udp.close()
            if transport is not None:
                transport.close()
            raise

    def send(self, packet: bytes) -> None:
        """Sends a packet; what the socket does not take is lost, and counted."""
        if self._udp.fileno() < 0:
            return
        try:
            self._udp.send(packet)
        except OSError:  # the worker's socket is full, or has just closed
            self.dropped += 1

    def close(self) -> None:
        """Ends both."""
        if self._udp.fileno() < 0:
            return
        self._loop.remove_reader(self._udp.fileno())
        self._udp.close()
        self.transport.close()

    def _read(self) -> None:
        for _ in range(_MAX_AT_ONCE):
            if self._udp.fileno() < 0:  # closed by what has come
                return
            try:
                packet = self._udp.recv(_MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:  # what was sent met a closed port: the transport is about to close
                continue
            self._on_packet(packet)
