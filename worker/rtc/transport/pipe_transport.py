"""A pipe transport: one UDP port towards another router, with RTCP on it too, and SRTP when both ends want it.

A producer goes over it as it is: all its streams, unchanged but for their SSRCs. When the other end is gone, this one
can be told of another one, and what it carries goes on.
"""

from __future__ import annotations

from msgspec.structs import asdict, replace

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreatePipeTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ConnectResponse, PipeTransportDump, TransportStats
from miso.worker.channel.commands import handles
from miso.worker.dataplane import StunReceived, UnknownSender
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.context import Context
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.transport.srtp_keys import SrtpKeys, check_srtp
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.transport.udp_port import UdpPort
from miso.worker.srtp_suite import SrtpSuite

_SUITE = SrtpSuite.AEAD_AES_256_GCM  # the only one, both ends being routers


class PipeTransport(Transport):
    """RTP, RTCP and SCTP between two routers."""

    def __init__(
        self, context: Context, tables: RouterTables, transport_id: str, body: CreatePipeTransportRequest
    ) -> None:
        """Opens the port.

        Raises:
            BodyError: A wrong IP, SCTP without its parameters.
            CommandError: The id or the port is taken.
        """
        super().__init__(context, tables, transport_id, body, encrypted=body.enable_srtp)
        self._enable_rtx = body.enable_rtx
        self._keys = SrtpKeys(context.random, _SUITE, allowed=(_SUITE,)) if body.enable_srtp else None
        self._port: UdpPort | None = None
        try:
            self._port = UdpPort(context, self, body.listen_ip, body.port or None)
        except (BodyError, CommandError):
            self.close()
            raise

    @handles(commands.TRANSPORT_DUMP)
    def dump(self) -> PipeTransportDump:
        """All about it."""
        return PipeTransportDump(
            **asdict(self.base_dump()),
            tuple=self._opened_port.tuple,
            rtx=self._enable_rtx,
            srtp_parameters=self._keys.parameters if self._keys is not None else None,
        )

    @handles(commands.TRANSPORT_GET_STATS)
    def get_stats(self) -> list[TransportStats]:
        """What went in and out."""
        return [replace(self.base_stats("pipe-transport"), tuple=self._opened_port.tuple)]

    @handles(commands.TRANSPORT_CONNECT)
    def connect(self, body: ConnectRequest) -> ConnectResponse:
        """Tells the other end's address and SRTP key; a wrong call changes nothing.

        Raises:
            CommandError: Called a second time.
            BodyError: Something is missing, wrong, or not for this transport.
        """
        port = self._opened_port
        if port.remote is not None:
            raise CommandError("connect() already called")
        remote_key = check_srtp(self._keys, body.srtp_parameters)
        ip = port.check_remote_ip(body.ip)
        if body.port is None:
            raise BodyError("missing port")
        port.remote = (ip, body.port)
        if self._keys is not None:
            self.plane.set_srtp(self._keys.suite, remote_key, self._keys.local_key)
        self.plane.accept_from(port.udp, port.remote)
        port.udp.connect(port.remote)
        self.plane.set_destination(port.udp, port.remote)
        self.on_connected()
        return ConnectResponse(tuple=port.tuple)

    @handles(commands.TRANSPORT_DISCONNECT)
    def disconnect(self) -> ConnectResponse:
        """Forgets the other end, so that ``connect`` can tell of another one; the port and all it carries stay.

        Its own SRTP key is a new one, and its SCTP association, if it has one, begins anew: what waited there is lost.
        No effect before ``connect``.
        """
        port = self._opened_port
        if port.remote is not None:
            if self.sctp is not None:
                self.sctp.begin_anew()
            self.on_disconnected()
            self.plane.stop_accepting(port.udp, port.remote)
            port.udp.disconnect()
            port.remote = None
            self.plane.set_destination(None, None)
            if self._keys is not None:
                self._keys.renew()
        return ConnectResponse(
            tuple=port.tuple, srtp_parameters=self._keys.parameters if self._keys is not None else None
        )

    def on_stun(self, event: StunReceived, now_us: int) -> None:
        """There is no ICE here."""

    def on_unknown_sender(self, event: UnknownSender, now_us: int) -> None:
        """The other end has one address, and that is told by ``connect``."""

    def close_path(self) -> None:
        """Gives the port back."""
        if self._port is not None:
            self._port.close()

    @property
    def _opened_port(self) -> UdpPort:
        assert self._port is not None
        return self._port
