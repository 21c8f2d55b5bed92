"""A pipe transport: one UDP port towards another router, with RTCP on it too, and SRTP when both ends want it.

It carries what producers send over it; the consumers that send a producer's streams unchanged over it come with the
rest of piping (``transport.consume`` says so).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import logging
import secrets
from typing import TYPE_CHECKING

from worker.channel import commands
from worker.channel.bodies.transport import (
    ConnectRequest,
    ConnectResponse,
    PipeTransportDump,
    SrtpParameters,
    TransportStats,
    TransportTuple,
)
from worker.channel.commands import handles
from worker.dataplane.plane import SrtpSuite, UdpSocket
from worker.errors import BodyError, CommandError
from worker.rtc.deliver import deliver
from worker.rtc.transport import Transport

if TYPE_CHECKING:
    from worker.channel.bodies.router import CreatePipeTransportRequest
    from worker.dataplane.plane import StunReceived, UnknownSender
    from worker.rtc.context import BoundSocket, Context
    from worker.rtc.router_tables import RouterTables

logger = logging.getLogger(__name__)

_SUITE = SrtpSuite.AEAD_AES_256_GCM  # the only one, both ends being routers
_KEY_SIZE = 44  # master key of 32 and master salt of 12 bytes (RFC 7714 section 12)


class PipeTransport(Transport):
    """RTP and RTCP between two routers."""

    def __init__(
        self, context: Context, tables: RouterTables, transport_id: str, body: CreatePipeTransportRequest
    ) -> None:
        """Opens the port.

        Raises:
            BodyError: a wrong IP, SCTP without its parameters.
            CommandError: the id or the port is taken.
        """
        super().__init__(context, tables, transport_id, body, encrypted=body.enable_srtp)
        self._enable_rtx = body.enable_rtx
        self._local_key = secrets.token_bytes(_KEY_SIZE) if body.enable_srtp else b""
        self._announced_ip = body.listen_ip.announced_ip or ""
        self._remote: tuple[str, int] | None = None
        self._bound: BoundSocket | None = None
        try:
            self._bound = context.sockets.open_udp(body.listen_ip.ip, body.port or None, self._read)
        except (BodyError, CommandError):
            self.close()
            raise
        self._local_address = self._bound.local_address
        self._udp = UdpSocket(context.plane, self._bound.fileno)
        self._udp.owner = self

    @handles(commands.TRANSPORT_DUMP)
    def dump(self) -> PipeTransportDump:
        """All about it."""
        return PipeTransportDump(
            **self.dump_fields(), tuple=self._tuple(), rtx=self._enable_rtx, srtp_parameters=self._srtp_parameters()
        )

    @handles(commands.TRANSPORT_GET_STATS)
    def get_stats(self) -> list[TransportStats]:
        """What went in and out."""
        return [TransportStats(type="pipe-transport", **self.stats_fields(), tuple=self._tuple())]

    @handles(commands.TRANSPORT_CONNECT)
    def connect(self, body: ConnectRequest) -> ConnectResponse:
        """Tells the other end's address and SRTP key; a wrong call changes nothing.

        Raises:
            CommandError: called a second time.
            BodyError: something is missing, wrong, or not for this transport.
        """
        if self._remote is not None:
            raise CommandError("connect() already called")
        remote_key = self._check_srtp(body.srtp_parameters)
        remote = _check_address(body)
        self._remote = remote
        if remote_key:
            self.plane.set_srtp(_SUITE, remote_key, self._local_key)
        self.plane.accept_from(self._udp, remote)
        self.plane.set_destination(self._udp, remote)
        self.on_connected()
        return ConnectResponse(tuple=self._tuple())

    def on_stun(self, event: StunReceived, now_us: int) -> None:
        """There is no ICE here."""

    def on_unknown_sender(self, event: UnknownSender, now_us: int) -> None:
        """The other end has one address, and that is told by ``connect``."""

    def close_path(self) -> None:
        """Gives the port back."""
        if self._bound is not None:
            self._udp.owner = None
            self._udp.close()
            self._bound.close()

    def _read(self) -> None:
        now_us = self.context.scheduler.now_us()
        deliver(self._udp.receive(now_us), now_us)

    def _tuple(self) -> TransportTuple:
        local_ip, local_port = self._local_address
        remote_ip, remote_port = self._remote or (None, None)
        return TransportTuple(
            local_ip=self._announced_ip or local_ip,
            local_port=local_port,
            protocol="udp",
            remote_ip=remote_ip,
            remote_port=remote_port,
        )

    def _srtp_parameters(self) -> SrtpParameters | None:
        if not self._local_key:
            return None
        return SrtpParameters(crypto_suite=_SUITE.name, key_base64=base64.b64encode(self._local_key).decode())

    def _check_srtp(self, parameters: SrtpParameters | None) -> bytes:
        if not self._local_key:
            if parameters is not None:
                raise BodyError("invalid srtpParameters (SRTP not enabled)")
            return b""
        if parameters is None:
            raise BodyError("missing srtpParameters (SRTP enabled)")
        if parameters.crypto_suite != _SUITE.name:
            raise BodyError("invalid/unsupported srtpParameters.cryptoSuite")
        try:
            key = base64.b64decode(parameters.key_base64, validate=True)
        except binascii.Error as error:
            raise BodyError(f"invalid srtpParameters.keyBase64 ({error})") from error
        if len(key) != _KEY_SIZE:
            raise BodyError("invalid decoded SRTP key length")
        return key


def _check_address(body: ConnectRequest) -> tuple[str, int]:
    if body.ip is None:
        raise BodyError("missing ip")
    if body.port is None:
        raise BodyError("missing port")
    try:
        return str(ipaddress.ip_address(body.ip)), body.port
    except ValueError as error:
        raise BodyError(f"invalid IP '{body.ip}'") from error
