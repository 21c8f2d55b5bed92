"""UDP sockets, and the port of a transport with one peer, whose address is told or learned (plain, pipe)."""

from __future__ import annotations

import ipaddress

from miso.worker.channel.bodies.router import ListenIp
from miso.worker.channel.bodies.transport import TransportTuple
from miso.worker.dataplane import Address, UdpOwner, UdpSocket
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.context import BoundSocket, Context
from miso.worker.rtc.deliver import deliver


def open_udp(context: Context, ip: str, port: int | None) -> tuple[BoundSocket, UdpSocket]:
    """Opens a socket that the plane reads; what it tells of goes to the owners of its objects.

    Raises:
        BodyError: A text that is no IP address.
        CommandError: The port, or every port of the range, is taken, the address is not of this machine, or the kernel
            watches no more sockets.
    """
    bound = context.sockets.open_udp(ip, port)
    udp = UdpSocket(context.plane, bound.fileno)
    udp.clock, udp.deliver = context.scheduler.now_us, deliver
    try:
        bound.watch_readable(udp.on_readable)
    except OSError as error:
        bound.close()
        raise CommandError(f"no socket: {error.strerror}") from error
    return bound, udp


class UdpPort:
    """The port, and the peer it talks to once that is known.

    Attributes:
        udp: Its half in the data plane.
        remote: The peer's address.
    """

    def __init__(self, context: Context, owner: UdpOwner, listen: ListenIp, port: int | None) -> None:
        """Opens it; without a port number, on a free one.

        Raises:
            BodyError: A text that is no IP address.
            CommandError: The port is taken, or the address is not of this machine.
        """
        self._bound, self.udp = open_udp(context, listen.ip, port)
        self._announced_ip = listen.announced_ip or ""
        self.udp.owner = owner
        self.remote: tuple[str, int] | None = None

    @property
    def tuple(self) -> TransportTuple:
        """Local and, once known, remote address."""
        return self.tuple_with(self.remote)

    def tuple_with(self, remote: Address | None) -> TransportTuple:
        """Local address, and another one than the peer's."""
        local_ip, local_port = self._bound.local_address
        remote_ip, remote_port = remote or (None, None)
        return TransportTuple(
            local_ip=self._announced_ip or local_ip,
            local_port=local_port,
            protocol="udp",
            remote_ip=remote_ip,
            remote_port=remote_port,
        )

    def check_remote_ip(self, ip: str | None) -> str:
        """The peer's IP in the one way of writing it that the plane knows.

        Raises:
            BodyError: Missing, no IP address, or of the other family.
        """
        if ip is None:
            raise BodyError("missing ip")
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError as error:
            raise BodyError(f"invalid IP '{ip}'") from error
        if address.version != ipaddress.ip_address(self._bound.local_address[0]).version:
            raise BodyError(f"IP '{ip}' is not of the same family as listenIp")
        return str(address)

    def close(self) -> None:
        """Gives the port back."""
        self.udp.owner = None
        self.udp.close()
        self._bound.close()
