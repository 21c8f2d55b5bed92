"""Types of ``tcp.pyx``: TCP connections with framed packets."""

from collections.abc import Callable

from miso.worker.dataplane.events import Address, Event, TcpOwner
from miso.worker.dataplane.plane import Plane
from miso.worker.dataplane.sockets.batch import Endpoint
from miso.worker.dataplane.sockets.stun_gate import StunGate
from miso.worker.dataplane.transport.transport import TransportPlane

class TcpConnection(Endpoint):
    """An accepted non-blocking TCP connection with RFC 4571 framing; at most 512 KiB wait to be written.

    A frame that does not fit is dropped whole and counted: media over a slow TCP peer loses packets, not memory.
    """

    owner: TcpOwner | None
    remote_address: Address
    on_blocked: Callable[[TcpConnection], None] | None  # called once when bytes begin to wait: watch the fd for writing
    stun_gate: StunGate | None  # tells what STUN control sees; None: all
    def __init__(self, plane: Plane, fd: int, remote_address: Address) -> None: ...
    def receive(self, now_us: int) -> list[Event]:
        """Reads what waits, 128 frames at most, forwards media, returns what control must act on."""
    def send(self, data: bytes) -> bool: ...
    def flush(self) -> bool:
        """Writes what waits; True when nothing waits any more (stop watching for writing)."""
    def bind_transport(self, address: Address, transport: TransportPlane) -> None:
        """For ``TransportPlane.accept_from``."""
    def unbind_transport(self, address: Address, transport: TransportPlane) -> None:
        """Takes it back; no effect when the connection has become another transport's since."""
    def close(self) -> None: ...
