"""The UDP sockets, TCP listeners and TCP connections over which a WebRtcTransport or a WebRtcServer does ICE."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from miso.worker.dataplane import (
    ConnectionClosed,
    StunGate,
    StunReceived,
    TcpConnection,
    TransportPlane,
    UdpSocket,
    UnknownSender,
)
from miso.worker.errors import ParseError
from miso.worker.faults import attempt
from miso.worker.ice import stun
from miso.worker.ice.candidates import IceProtocol, LocalEndpoint
from miso.worker.ice.server import IceTuple
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.complaint import Complaint
from miso.worker.rtc.context import BoundSocket, Context
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.web_rtc.unproven_connections import UnprovenConnections

logger = logging.getLogger(__name__)

MAX_UNPROVEN_CONNECTIONS = 128
"""TCP connections of one listener over which no good connectivity check has come; beyond it one is closed, of the
address that has most of them."""
UNPROVEN_TIMEOUT_US = 10_000_000
"""How long a connection may stay without one."""


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


class _Listener:
    """A listening TCP socket and the connections it has accepted."""

    def __init__(self, context: Context, sockets: IceSockets) -> None:
        self._context = context
        self._sockets = sockets
        self._bound: BoundSocket | None = None
        self._unproven: UnprovenConnections[_TcpEnd] = UnprovenConnections()
        self._proven: set[_TcpEnd] = set()

    def listen(self, bound: BoundSocket) -> None:
        self._bound = bound

    def accept(self, connection: BoundSocket, remote_address: tuple[str, int]) -> Callable[[], None]:
        end = _TcpEnd(self._context, self._sockets, self, connection, remote_address)
        self._unproven.add(end, remote_address[0])
        if len(self._unproven) > MAX_UNPROVEN_CONNECTIONS:
            expendable = self._unproven.most_expendable()
            if not attempt(expendable, expendable.close):
                self._unproven.remove(expendable)
        return end.read

    def prove(self, end: _TcpEnd) -> None:
        """A good check came over the connection."""
        if end in self._unproven:
            self._unproven.remove(end)
            self._proven.add(end)

    def forget(self, end: _TcpEnd) -> None:
        self._unproven.remove(end)
        self._proven.discard(end)

    def close(self) -> None:
        if self._bound is not None:
            self._bound.close()
        for end in [*self._unproven.take_all(), *self._proven]:
            end.close()


class _TcpEnd:
    """The owner of a TCP connection in the plane."""

    def __init__(
        self,
        context: Context,
        sockets: IceSockets,
        listener: _Listener,
        bound: BoundSocket,
        remote_address: tuple[str, int],
    ) -> None:
        self._scheduler = context.scheduler
        self._sockets = sockets
        self._listener = listener
        self._bound = bound
        self._closed = False
        self.connection = TcpConnection(context.plane, bound.fileno, remote_address)
        self.connection.owner = self
        self.connection.on_blocked = self._on_blocked
        self.connection.stun_gate = sockets.gate
        self.tuple = IceTuple(self.connection, "tcp", bound.local_address, remote_address)
        self._unproven = Alarm(context.scheduler, self.close)  # set until a good check has come
        self._unproven.set(UNPROVEN_TIMEOUT_US)

    def read(self) -> None:
        now_us = self._scheduler.now_us()
        events = self.connection.receive(now_us)
        if any(isinstance(event, ConnectionClosed) for event in events):
            # A check that came just before the end would make a tuple of a connection that is gone.
            events = [event for event in events if not isinstance(event, StunReceived)]
        deliver(events, now_us)
        if self.connection.closed:  # whatever became of the news of it: a descriptor at its end is always readable
            self.close()

    @property
    def id(self) -> str:
        return "{}:{}".format(*self.tuple.remote_address)

    def on_stun(self, event: StunReceived, now_us: int) -> None:
        self._sockets.on_stun_data(event.data, self.tuple, now_us)

    def on_connection_closed(self, event: ConnectionClosed, now_us: int) -> None:
        logger.debug(
            "ICE connection closed id=%s remote=%s: %s", self._sockets.id, self.tuple.remote_address, event.reason
        )
        self._give_up()

    def prove(self) -> None:
        self._unproven.stop()
        self._listener.prove(self)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._unproven.stop()
        self.connection.owner = None
        self.connection.on_blocked = None
        self.connection.close()
        self._bound.close()
        self._listener.forget(self)

    def _on_blocked(self, connection: TcpConnection) -> None:
        # The plane calls this when a wake-up ends, and has the events of others in its hands.
        if not attempt(self, self._bound.watch_writable, self._flush):
            self._give_up()  # what waits would wait for ever

    def _give_up(self) -> None:
        """The connection is of no use any more, whoever cannot hear of it."""
        attempt(self, self._sockets.on_connection_gone, self.tuple)
        attempt(self, self.close)

    def _flush(self) -> None:
        if not self._closed and self.connection.flush():
            self._bound.watch_writable(None)


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
        self._handler = handler
        self._udp_ends: list[_UdpEnd] = []
        self._listeners: list[_Listener] = []
        self._malformed = Complaint()

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
        if isinstance(tuple_.socket, TcpConnection) and isinstance(tuple_.socket.owner, _TcpEnd):
            tuple_.socket.owner.prove()

    def drop(self, tuple_: IceTuple) -> None:
        """Closes the TCP connection of a tuple."""
        if isinstance(tuple_.socket, TcpConnection) and isinstance(tuple_.socket.owner, _TcpEnd):
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
        def read() -> None:
            now_us = self._context.scheduler.now_us()
            deliver(udp.receive(now_us), now_us)

        bound = self._context.sockets.open_udp(ip, port, read)
        udp = UdpSocket(self._context.plane, bound.fileno)
        udp.owner = end = _UdpEnd(self, bound, udp)
        udp.stun_gate = self.gate
        self._udp_ends.append(end)
        return bound

    def _listen_tcp(self, ip: str, port: int | None) -> BoundSocket:
        listener = _Listener(self._context, self)
        bound = self._context.sockets.listen_tcp(ip, port, listener.accept)
        listener.listen(bound)
        self._listeners.append(listener)
        return bound
