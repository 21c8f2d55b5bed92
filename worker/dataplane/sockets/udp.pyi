"""Types of ``udp.pyx``: UDP sockets read and written in batches."""

from collections.abc import Callable

from miso.worker.dataplane.events import Address, Event, UdpOwner
from miso.worker.dataplane.plane import Plane
from miso.worker.dataplane.sockets.batch import Endpoint
from miso.worker.dataplane.sockets.stun_gate import StunGate
from miso.worker.dataplane.transport.transport import TransportPlane

class UdpSocket(Endpoint):
    """A bound non-blocking UDP socket; control owns the descriptor's Python socket, the plane reads and writes it."""

    owner: UdpOwner | None
    clock: Callable[[], int] | None  # microseconds of CLOCK_MONOTONIC
    deliver: Callable[[list[Event], int], None] | None  # gets events, and when their wake-up began
    report_unknown: bool  # whether control sees what comes from addresses that nobody accepts, 1000 a second at most
    stun_gate: StunGate | None  # tells what STUN control sees; None: 1000 messages a second
    @property
    def segmentation(self) -> bool:
        """Whether the kernel still takes UDP_SEGMENT here."""
    def __init__(self, plane: Plane, fd: int) -> None: ...
    def on_readable(self) -> None:
        """As ``receive`` by ``clock``, both of which must be set; ``deliver`` is called when there are events."""
    def receive(self, now_us: int) -> list[Event]:
        """Reads what waits (recvmmsg, bounded per wake-up), forwards media, returns what control must act on."""
    def send(self, data: bytes, address: Address) -> bool:
        """Sends one control datagram (STUN, DTLS); False when the kernel refused it (counted)."""
    def connect(self, address: Address) -> bool:
        """Speaks to this address at a tenth less CPU, and hears nobody else; gives whether it does.

        Not when it is bound to all addresses, since its own would be one of them from then on, nor to an address of one
        link, since it would be of all links once that ends, nor when there is no way to that address. When the kernel
        says that a datagram was refused, all is as without it for 5 s; then it begins again with what is sent.
        """
    def disconnect(self) -> None:
        """Hears others again; no effect when it is not connected."""
    def bind_transport(self, address: Address, transport: TransportPlane) -> None:
        """For ``TransportPlane.accept_from``: what comes from the address is the transport's now."""
    def unbind_transport(self, address: Address, transport: TransportPlane) -> None:
        """Takes it back; no effect when the address has become another transport's since."""
    def close(self) -> None:
        """Forgets all addresses; transports that point here have no destination any more. The fd stays open."""
