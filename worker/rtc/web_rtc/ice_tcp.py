"""ICE over TCP (RFC 6544, passive candidates): a listener, and the connections that peers open to it.

Frames are those of RFC 4571. Anybody may open a connection, so one over which no good check comes is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from miso.worker.dataplane import ConnectionClosed, StunGate, StunReceived, TcpConnection
from miso.worker.faults import attempt
from miso.worker.ice.server import IceTuple
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import BoundSocket, Context
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.web_rtc.unproven_connections import UnprovenConnections

logger = logging.getLogger(__name__)

MAX_UNPROVEN_CONNECTIONS = 128
"""TCP connections of one listener over which no good connectivity check has come; beyond it one is closed, of the
address that has most of them."""
UNPROVEN_TIMEOUT_US = 10_000_000
"""How long a connection may stay without one."""


class StunInbox(Protocol):
    """Where what comes over a connection goes.

    Attributes:
        id: Of the transport or server.
        gate: The username fragments for which messages are expected.
    """

    id: str
    gate: StunGate

    def on_stun_data(self, data: bytes, tuple_: IceTuple, now_us: int) -> None:
        """STUN from anywhere."""

    def on_connection_gone(self, tuple_: IceTuple) -> None:
        """The connection has ended by itself."""


class IceListener:
    """A listening TCP socket and the connections it has accepted."""

    def __init__(self, context: Context, inbox: StunInbox) -> None:
        self._context = context
        self._inbox = inbox
        self._bound: BoundSocket | None = None
        self._unproven: UnprovenConnections[IceConnection] = UnprovenConnections()
        self._proven: set[IceConnection] = set()

    def listen(self, bound: BoundSocket) -> None:
        self._bound = bound

    def accept(self, connection: BoundSocket, remote_address: tuple[str, int]) -> Callable[[], None]:
        end = IceConnection(self._context, self._inbox, self, connection, remote_address)
        self._unproven.add(end, remote_address[0])
        if len(self._unproven) > MAX_UNPROVEN_CONNECTIONS:
            expendable = self._unproven.most_expendable()
            if not attempt(expendable, expendable.close):
                self._unproven.remove(expendable)
        return end.read

    def prove(self, end: IceConnection) -> None:
        """A good check came over the connection."""
        if end in self._unproven:
            self._unproven.remove(end)
            self._proven.add(end)

    def forget(self, end: IceConnection) -> None:
        self._unproven.remove(end)
        self._proven.discard(end)

    def close(self) -> None:
        if self._bound is not None:
            self._bound.close()
        for end in [*self._unproven.take_all(), *self._proven]:
            end.close()


class IceConnection:
    """The owner of a TCP connection in the plane."""

    def __init__(
        self,
        context: Context,
        inbox: StunInbox,
        listener: IceListener,
        bound: BoundSocket,
        remote_address: tuple[str, int],
    ) -> None:
        self._scheduler = context.scheduler
        self._inbox = inbox
        self._listener = listener
        self._bound = bound
        self._closed = False
        self.connection = TcpConnection(context.plane, bound.fileno, remote_address)
        self.connection.owner = self
        self.connection.on_blocked = self._on_blocked
        self.connection.stun_gate = inbox.gate
        self.tuple = IceTuple(self.connection, "tcp", bound.local_address, remote_address)
        self._unproven = Alarm(context.scheduler, self, IceConnection._on_unproven)  # set until a good check has come
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
        self._inbox.on_stun_data(event.data, self.tuple, now_us)

    def on_connection_closed(self, event: ConnectionClosed, now_us: int) -> None:
        logger.debug(
            "ICE connection closed id=%s remote=%s: %s", self._inbox.id, self.tuple.remote_address, event.reason
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

    def _on_unproven(self) -> None:
        patience_us = self._scheduler.stood_until_us() + UNPROVEN_TIMEOUT_US - self._scheduler.now_us()
        if patience_us > 0:
            self._unproven.set(patience_us)
        else:
            self.close()

    def _on_blocked(self, connection: TcpConnection) -> None:
        # The plane calls this when a wake-up ends, and has the events of others in its hands.
        if not attempt(self, self._bound.watch_writable, self._flush):
            self._give_up()  # what waits would wait for ever

    def _give_up(self) -> None:
        """The connection is of no use any more, whoever cannot hear of it."""
        attempt(self, self._inbox.on_connection_gone, self.tuple)
        attempt(self, self.close)

    def _flush(self) -> None:
        if not self._closed and self.connection.flush():
            self._bound.watch_writable(None)
