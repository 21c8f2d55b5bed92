"""A plain transport: RTP and RTCP over UDP, with SRTP keys that the application exchanges."""

from __future__ import annotations

import logging

from msgspec.structs import asdict, replace

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreatePlainTransportRequest
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    ConnectResponse,
    PlainTransportDump,
    TransportStats,
    TransportTuple,
)
from miso.worker.channel.commands import handles
from miso.worker.channel.events import RtcpTupleChange, TupleChange
from miso.worker.dataplane import StunReceived, UnknownSender
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.context import Context
from miso.worker.rtc.data.sctp_association import is_sctp
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.transport.srtp_keys import SrtpKeys, check_srtp
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.transport.udp_port import UdpPort
from miso.worker.srtp_suite import SrtpSuite

logger = logging.getLogger(__name__)


class PlainTransport(Transport):
    """RTP and RTCP on one UDP port, or on two without RTCP-mux.

    With comedia the peer is whoever sends the first good packet; else ``connect`` tells who it is.
    """

    def __init__(
        self, context: Context, tables: RouterTables, transport_id: str, body: CreatePlainTransportRequest
    ) -> None:
        """Opens the ports.

        Raises:
            BodyError: A wrong IP, SRTP without a suite, SCTP without its parameters.
            CommandError: The id or a port is taken.
        """
        super().__init__(context, tables, transport_id, body, encrypted=body.enable_srtp)
        self._rtcp_mux = body.rtcp_mux
        self._comedia = body.comedia
        self._connect_called = False
        self._rtcp_at_rtp_port: tuple[str, int] | None = None  # whose RTCP comes there, without RTCP-mux
        self._keys: SrtpKeys | None = None
        self._ports: list[UdpPort] = []
        try:
            if body.enable_srtp:
                if body.srtp_crypto_suite is None:
                    raise BodyError("missing srtpCryptoSuite")
                self._keys = SrtpKeys(context.random, SrtpSuite[body.srtp_crypto_suite])
            for port in (body.port or None,) if body.rtcp_mux else (body.port or None, None):
                self._ports.append(UdpPort(context, self, body.listen_ip, port))
        except (BodyError, CommandError):
            self.close()
            raise
        for opened in self._ports:
            opened.udp.report_unknown = body.comedia
        self.plane.announce_rtcp = body.comedia and not body.rtcp_mux

    # ------------------------------------------------------------ commands

    @handles(commands.TRANSPORT_DUMP)
    def dump(self) -> PlainTransportDump:
        """All there is to know of it."""
        return PlainTransportDump(
            **asdict(self.base_dump()),
            rtcp_mux=self._rtcp_mux,
            comedia=self._comedia,
            tuple=self._rtp_port.tuple,
            rtcp_tuple=None if self._rtcp_mux else self._rtcp_tuple,
            srtp_parameters=self._keys.parameters if self._keys is not None else None,
        )

    @handles(commands.TRANSPORT_GET_STATS)
    def get_stats(self) -> list[TransportStats]:
        """One entry; the RTCP tuple stands there once its remote end is known."""
        return [
            replace(
                self.base_stats("plain-rtp-transport"),
                rtcp_mux=self._rtcp_mux,
                comedia=self._comedia,
                tuple=self._rtp_port.tuple,
                rtcp_tuple=self._known_rtcp_tuple(),
            )
        ]

    @handles(commands.TRANSPORT_CONNECT)
    def connect(self, body: ConnectRequest) -> ConnectResponse:
        """Tells the peer's address (not with comedia) and SRTP keys; a wrong call changes nothing.

        The peer's crypto suite may differ from ours: it counts, and ours gets a new key then.

        Raises:
            CommandError: Called a second time.
            BodyError: Something is missing, wrong, or not for this transport.
        """
        if self._connect_called:
            raise CommandError("connect() already called")
        remote_key = check_srtp(self._keys, body.srtp_parameters)
        remotes = [] if self._comedia else self._check_remotes(body)
        self._connect_called = True
        if self._keys is not None and body.srtp_parameters is not None:
            self._keys.accept(body.srtp_parameters)
            self.plane.set_srtp(self._keys.suite, remote_key, self._keys.local_key)
        for port, remote in zip(self._ports, remotes, strict=False):
            self._learn(port, remote)
        self.on_connected()
        return ConnectResponse(
            tuple=self._rtp_port.tuple if self._rtp_port.remote else None,
            rtcp_tuple=self._known_rtcp_tuple(),
            srtp_parameters=self._keys.parameters if self._keys is not None else None,
        )

    # ------------------------------------------------------------ for the plane

    def on_unknown_sender(self, event: UnknownSender, now_us: int) -> None:
        """With comedia, the first good packet says where the peer is."""
        port = next((port for port in self._ports if port.udp is event.socket), None)
        if port is None or self.leaving:
            return
        if port.remote == event.address:  # learned from a packet of the same wake-up
            deliver(self.plane.receive_protected(event.data, now_us)[0], now_us)
            return
        if port.remote is not None or not self._is_for(port, event.data, event.address):
            return
        media_flowed = self.plane.connected
        self.plane.connected = True  # else the packet would not be looked at
        try:
            events, is_genuine = self.plane.receive_protected(event.data, now_us)
        finally:
            self.plane.connected = media_flowed
        if not events and not is_genuine:
            return  # SRTP did not let it pass
        if port is self._rtp_port and not self._rtcp_mux and _is_rtcp(event.data):
            self._learn_rtcp_at_rtp_port(event.address)
        else:
            self._learn(port, event.address)
            if port is self._rtp_port:
                self.context.notifier.notify(self.id, "tuple", TupleChange(tuple=port.tuple))
                self.on_connected()
            else:
                self._tell_rtcp_tuple()
        deliver(events, now_us)

    def on_rtcp_arrived(self) -> None:
        """With comedia, a peer may send its RTCP to the RTP port, and gets ours there, too."""
        if self._rtp_port.remote is not None:  # Nobody but its peer has been accepted so far.
            self._learn_rtcp_at_rtp_port(self._rtp_port.remote)

    def on_stun(self, event: StunReceived, now_us: int) -> None:
        """There is no ICE here."""

    def close_path(self) -> None:
        """Gives the ports back."""
        for port in self._ports:
            port.close()

    # ------------------------------------------------------------ own

    @property
    def _rtp_port(self) -> UdpPort:
        return self._ports[0]

    @property
    def _rtcp_port(self) -> UdpPort:
        return self._ports[-1]

    @property
    def _rtcp_tuple(self) -> TransportTuple:
        if self._rtcp_at_rtp_port is not None:
            return self._rtp_port.tuple_with(self._rtcp_at_rtp_port)
        return self._rtcp_port.tuple

    @property
    def _rtcp_is_known(self) -> bool:
        return self._rtcp_at_rtp_port is not None or self._rtcp_port.remote is not None

    def _is_for(self, port: UdpPort, data: bytes, address: tuple[str, int]) -> bool:
        """Whether a datagram may tell where the peer of this port is (first bytes: RFC 7983, RFC 5761 section 4)."""
        if len(data) < 2:
            return False
        if not 128 <= data[0] <= 191:
            return self.sctp is not None and port is self._rtp_port and is_sctp(data)
        if not _is_rtcp(data):
            return port is self._rtp_port
        if self._keys is None and self._rtp_port.remote is not None and address[0] != self._rtp_port.remote[0]:
            return False  # nothing proves that it is the peer's
        # A peer may send its RTCP to the RTP port though there is another one for it.
        return port is self._rtcp_port or not self._rtcp_is_known or self._rtcp_at_rtp_port == address

    def _known_rtcp_tuple(self) -> TransportTuple | None:
        return self._rtcp_tuple if not self._rtcp_mux and self._rtcp_is_known else None

    def _learn_rtcp_at_rtp_port(self, remote: tuple[str, int]) -> None:
        """The peer sends its RTCP to the RTP port, maybe before RTP tells who may send that."""
        if self._rtcp_is_known:
            return
        self._rtcp_at_rtp_port = remote
        self._rtcp_port.udp.report_unknown = False
        self.plane.set_rtcp_destination(self._rtp_port.udp, remote)
        self._tell_rtcp_tuple()

    def _tell_rtcp_tuple(self) -> None:
        self.context.notifier.notify(self.id, "rtcptuple", RtcpTupleChange(rtcp_tuple=self._rtcp_tuple))

    def _check_remotes(self, body: ConnectRequest) -> list[tuple[str, int]]:
        ip = self._rtp_port.check_remote_ip(body.ip)
        if body.port is None:
            raise BodyError("missing port")
        if self._rtcp_mux:
            if body.rtcp_port is not None:
                raise BodyError("cannot set rtcpPort with rtcpMux enabled")
            return [(ip, body.port)]
        if body.rtcp_port is None:
            raise BodyError("missing rtcpPort (required with rtcpMux disabled)")
        return [(ip, body.port), (ip, body.rtcp_port)]

    def _learn(self, port: UdpPort, remote: tuple[str, int]) -> None:
        """From now on the port hears and speaks to this address only."""
        port.remote = remote
        port.udp.report_unknown = False
        self.plane.accept_from(port.udp, remote)
        if port is not self._rtp_port or self._rtcp_at_rtp_port in (None, remote):
            port.udp.connect(remote)
        if port is self._rtp_port:
            self.plane.set_destination(port.udp, remote)
            if self._rtcp_at_rtp_port is not None:
                self.plane.accept_from(port.udp, self._rtcp_at_rtp_port)
        else:
            self.plane.set_rtcp_destination(port.udp, remote)
        logger.debug("plain tuple transport=%s remote=%s", self.id, remote)


def _is_rtcp(data: bytes) -> bool:
    return 192 <= data[1] <= 223
