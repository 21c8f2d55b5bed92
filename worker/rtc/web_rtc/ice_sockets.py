"""The sockets over which a WebRtcTransport or a WebRtcServer does ICE, and whose their STUN messages are."""

from __future__ import annotations

import logging
import weakref
from typing import Protocol

from miso.worker.dataplane import (
    StunGate,
    StunReceived,
    TcpConnection,
    TransportPlane,
    UdpSocket,
    UnknownSender,
)
from miso.worker.errors import ParseError
from miso.worker.ice import stun
from miso.worker.ice.candidates import IceProtocol, LocalEndpoint
from miso.worker.ice.server import IceTuple
from miso.worker.rtc.context import BoundSocket, Context
from miso.worker.rtc.log_rate_limit import LogRateLimit
from miso.worker.rtc.transport.udp_port import open_udp
from miso.worker.rtc.web_rtc.ice_tcp import IceConnection, IceListener

logger = logging.getLogger(__name__)


class StunHandler(Protocol):
    """Whose ICE it is: a WebRtcTransport with sockets of its own, or a WebRtcServer."""

    id: str

    def knows_username_fragment(self, fragment: str) -> bool:
        """Whether messages for this local username fragment are expected."""

    def on_stun_message(self, fragment: str, message: stun.StunMessage, tuple_: IceTuple, now_us: int) -> None:
        """A message of right form for a fragment that is known."""

    def on_tuple_gone(self, tuple_: IceTuple) -> None:
        """The TCP connection of the tuple is closed."""


class _UdpEnd:
    """The owner of a UDP socket in the plane."""

    def __init__(self, sockets: IceSockets, bound: BoundSocket, udp: UdpSocket) -> None:
        self._sockets = sockets
        self._bound = bound
        self._udp = udp
        self._local_address = bound.local_address

    @property
    def id(self) -> str:
        return self._sockets.id

    def on_stun(self, event: StunReceived, now_us: int) -> None:
        tuple_ = IceTuple(self._udp, "udp", self._local_address, event.address)
        self._sockets.on_stun_data(event.data, tuple_, now_us)

    def on_unknown_sender(self, event: UnknownSender, now_us: int) -> None:
        """Not asked for: peers are found by STUN."""

    def close(self) -> None:
        self._udp.owner = None
        self._udp.close()
        self._bound.close()


class IceSockets:
    """Opens sockets for a handler, and brings it the STUN messages that are for it.

    A datagram costs little before its username fragment is known to be the handler's, and is not answered.

    Attributes:
        id: Of the handler.
        gate: The username fragments for which messages are expected, and how many.
    """

    def __init__(self, context: Context, handler: StunHandler) -> None:
        self.id = handler.id
        self.gate = StunGate()
        self._context = context
        self._handler: StunHandler = weakref.proxy(handler)  # whom it goes with, without a search for cycles
        self._udp_ends: list[_UdpEnd] = []
        self._listeners: list[IceListener] = []
        self._malformed = LogRateLimit()

    def expect(self, fragment: str, plane: TransportPlane) -> None:
        """Messages for the local username fragment are for the handler, and count for the transport."""
        self.gate.expect(fragment, plane)

    def forget(self, fragment: str) -> None:
        """Messages for the fragment are nobody's any more."""
        self.gate.forget(fragment)

    def open(self, protocol: IceProtocol, ip: str, port: int | None, announced_ip: str | None) -> LocalEndpoint:
        """Binds a UDP socket or listens on TCP.

        Raises:
            BodyError: The IP is none.
            CommandError: The port, or every port of the range, is taken, or the address is not of this machine.
        """
        bound = self._open_udp(ip, port) if protocol == "udp" else self._listen_tcp(ip, port)
        return LocalEndpoint(protocol, *bound.local_address, announced_ip or "")

    def send(self, tuple_: IceTuple, data: bytes) -> None:
        """Sends a control datagram over a tuple."""
        if isinstance(tuple_.socket, UdpSocket):
            tuple_.socket.send(data, tuple_.remote_address)
        elif isinstance(tuple_.socket, TcpConnection):
            tuple_.socket.send(data)

    def prove(self, tuple_: IceTuple) -> None:
        """The peer behind the tuple is authenticated: its TCP connection does not count as unproven any more."""
        if isinstance(tuple_.socket, TcpConnection) and isinstance(tuple_.socket.owner, IceConnection):
            tuple_.socket.owner.prove()

    def drop(self, tuple_: IceTuple) -> None:
        """Closes the TCP connection of a tuple."""
        if isinstance(tuple_.socket, TcpConnection) and isinstance(tuple_.socket.owner, IceConnection):
            tuple_.socket.owner.close()

    def close(self) -> None:
        """Closes all sockets and connections; idempotent."""
        for end in self._udp_ends:
            end.close()
        for listener in self._listeners:
            listener.close()
        self._udp_ends.clear()
        self._listeners.clear()

    def on_stun_data(self, data: bytes, tuple_: IceTuple, now_us: int) -> None:
        """STUN from anywhere."""
        try:
            fragment = stun.local_username_fragment(data)
            if self._handler.knows_username_fragment(fragment):
                self._handler.on_stun_message(fragment, stun.parse(data), tuple_, now_us)
        except ParseError as error:
            if self._malformed.is_due(now_us):
                logger.warning("malformed STUN id=%s count=%d last: %s", self.id, self._malformed.count, error)

    def on_connection_gone(self, tuple_: IceTuple) -> None:
        """A TCP connection has ended by itself."""
        self._handler.on_tuple_gone(tuple_)

    def _open_udp(self, ip: str, port: int | None) -> BoundSocket:
        bound, udp = open_udp(self._context, ip, port)
        udp.owner = end = _UdpEnd(self, bound, udp)
        udp.stun_gate = self.gate
        self._udp_ends.append(end)
        return bound

    def _listen_tcp(self, ip: str, port: int | None) -> BoundSocket:
        listener = IceListener(self._context, self)
        bound = self._context.sockets.listen_tcp(ip, port, listener.accept)
        listener.listen(bound)
        self._listeners.append(listener)
        return bound
