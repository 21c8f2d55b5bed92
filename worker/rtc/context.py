"""What every object of a worker is given: its way out to the controller, the clock, the sockets, the plane.

The protocols here are implemented in ``miso.worker.net`` (asyncio, sockets) and ``miso.worker.worker`` (the object
table), and by the seeded network and fake clock of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from miso.worker.dataplane import Plane, Turn
    from miso.worker.dtls.certificate import Certificate


class Notifier(Protocol):
    """The pipes to the controller."""

    def notify(self, target_id: str, event: str, body: object | None = None) -> None:
        """Sends an event; ``body`` is a ``msgspec.Struct`` (or list of them) of ``miso.worker.channel.events``."""

    def notify_with_payload(self, target_id: str, event: str, body: object | None, payload: bytes) -> None:
        """Sends an event on the payload channel, followed by the payload's frame."""


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """The call will not happen; no effect once it did."""


class Scheduler(Protocol):
    """Time, as everything in the worker sees it."""

    def now_us(self) -> int:
        """Microseconds of the monotonic clock."""

    def ntp_now(self) -> int:
        """64-bit NTP timestamp of the wall clock (RFC 3550 section 4)."""

    def stood_until_us(self) -> int:
        """Until when this worker last stood still for more than a second, by ``now_us``; long ago if it never did.

        A process that was stopped, or whose machine was, rings its timers before it reads what came meanwhile, and of
        that much is lost: whoever is judged by what he did not say has time anew from then on.
        """

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> Timer:
        """Calls back once, ``delay_us`` microseconds from now or a little later."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Calls back once when what happens now has happened, in the order of the calls; cannot be cancelled."""


class TurnRounds(Protocol):
    """What comes again and again, in passes for all whose turn it is."""

    def set(self, turn: Turn, delay_us: int) -> None:
        """The turn comes in so many microseconds or a little later, whatever was set before."""

    def stop(self, turn: Turn) -> None:
        """It does not come. Idempotent."""


class BoundSocket(Protocol):
    """A bound UDP socket, a listening TCP socket, or an accepted TCP connection, non-blocking, watched by the loop."""

    @property
    def fileno(self) -> int:
        """The descriptor, for the plane."""

    @property
    def local_address(self) -> tuple[str, int]:
        """The bound IP and port."""

    def watch_readable(self, callback: Callable[[], None] | None) -> None:
        """Calls back while there is something to read; None stops."""

    def watch_writable(self, callback: Callable[[], None] | None) -> None:
        """Calls back while the descriptor can be written to; None stops."""

    def close(self) -> None:
        """Stops watching, closes the descriptor and gives its port back."""


class Sockets(Protocol):
    """Opens sockets.

    All methods raise ``CommandError`` when the port (or every port of the range) is taken or the address is not of this
    machine, and ``BodyError`` for a text that is no IP address.
    """

    def open_udp(self, ip: str, port: int | None) -> BoundSocket:
        """Binds a UDP socket; without a port, a free one of the worker's range rtcMinPort..rtcMaxPort."""

    def listen_tcp(
        self, ip: str, port: int | None, on_connection: Callable[[BoundSocket, tuple[str, int]], Callable[[], None]]
    ) -> BoundSocket:
        """Listens; each connection is passed on with its remote address, the answer is called when it is readable."""


class Registry(Protocol):
    """The worker's table of objects by id and parent's id (None: the worker): how commands find them."""

    def add(self, handler: object, object_id: str, parent_id: str | None) -> None:
        """Raises ``CommandError`` for an id in use."""

    def remove(self, object_id: str, parent_id: str | None) -> None:
        """Forgets the object; no effect when it is not there."""


@dataclass(frozen=True, slots=True)
class Context:
    """Handed from the worker down to every object it makes.

    Attributes:
        notifier: The pipes to the controller.
        scheduler: Time.
        rounds: What each transport does about once a second.
        probe_rounds: The same of probation packets, each a few milliseconds after the last.
        sockets: Opens sockets.
        registry: How commands find objects.
        plane: What all objects of the data plane share.
        certificate: Of all DTLS here.
        random: Gives that many random bytes, fit for secrets.
        on_traffic_limited: Called when control packets of a peer were dropped, once a second for each transport.
    """

    notifier: Notifier
    scheduler: Scheduler
    rounds: TurnRounds
    probe_rounds: TurnRounds
    sockets: Sockets
    registry: Registry
    plane: Plane
    certificate: Certificate
    random: Callable[[int], bytes]
    on_traffic_limited: Callable[[], None] = lambda: None
