"""A WebRTC transport: ICE-lite over UDP and TCP, DTLS, and SRTP with the keys that DTLS gives."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreateWebRtcTransportRequest, WebRtcTransportOptions
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    ConnectResponse,
    DtlsFingerprint,
    IceCandidate,
    IceParameters,
    LocalDtlsParameters,
    RestartIceResponse,
    TransportStats,
    TransportTuple,
    WebRtcTransportDump,
)
from miso.worker.channel.commands import handles
from miso.worker.channel.events import DtlsStateChange, IceSelectedTupleChange, IceStateChange
from miso.worker.dataplane import SenderMoved, SrtpSuite, TcpConnection, UdpSocket
from miso.worker.dtls import (
    FINGERPRINT_ALGORITHMS,
    ApplicationData,
    Connected,
    DatagramToSend,
    DtlsEvent,
    DtlsRole,
    DtlsState,
    DtlsTransport,
    Fingerprint,
    StateChanged,
)
from miso.worker.errors import BodyError, CommandError
from miso.worker.faults import AFTER_FAULT_US, attempt
from miso.worker.ice import server as ice
from miso.worker.ice.candidates import make_candidates
from miso.worker.ice.server import Credentials, IceEvent, IceServer, IceState, IceTuple
from miso.worker.ice.stun import StunMessage
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.web_rtc.ice_sockets import IceSockets

if TYPE_CHECKING:
    from miso.worker.rtc.context import Context, Timer
    from miso.worker.rtc.router_tables import RouterTables
    from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer

logger = logging.getLogger(__name__)

_DTLS = {"tag": "dtls"}  # of log lines; the others have the tag ice

_SECOND_US = 1_000_000
_FOLLOW_EVERY_US = 100_000  # a peer that sends over two tuples in turn does not make us change with each packet
_DATA_CHANNEL_DATAGRAMS = 8000  # a second: 75 Mbit/s, or the acknowledgements of twice as much
_REACHABLE = (IceState.CONNECTED, IceState.COMPLETED)

TUPLE_HOLD_US = 7_000_000
"""A tuple over which the peer was heard in this time stays with its transport, whoever else claims its address.

Firefox asks for consent every 4 to 6 s (RFC 7675 section 5.1), Chromium every 2.5 s; RTCP comes more often."""


class WebRtcTransport(Transport):
    """The transport of one browser, with sockets of its own or on those of a WebRtcServer."""

    def __init__(
        self,
        context: Context,
        tables: RouterTables,
        transport_id: str,
        body: WebRtcTransportOptions,
        server: WebRtcServer | None = None,
    ) -> None:
        """Opens the sockets, unless a server has them.

        Args:
            context: What every object of the worker is given.
            tables: Of the router it belongs to.
            transport_id: New in the worker.
            body: The options; with listen addresses unless ``server`` is given.
            server: Whose sockets it uses.

        Raises:
            BodyError: A wrong IP, SCTP without its parameters, or no candidate on the server's sockets.
            CommandError: The id or a port is taken.
        """
        super().__init__(context, tables, transport_id, body, encrypted=True)
        self._server = server
        self._ice = IceServer(_make_credentials(), consent_timeout_us=body.ice_consent_timeout * _SECOND_US)
        self._dtls = DtlsTransport(context.certificate)
        self._dtls_role = DtlsRole.AUTO
        self._connect_called = False
        self._consent_timer: Timer | None = None
        self._followed_us = -_FOLLOW_EVERY_US
        self._reached_us = 0  # when the first tuple became valid
        self._data_heard_us = 0  # when data last came in over DTLS, over the selected tuple
        self._unproven: IceTuple | None = None  # whence the next DTLS datagram came, if not over the selected tuple
        self.plane.watch_sender = True
        if self.sctp is not None:
            self.plane.allowance.dtls_per_second = _DATA_CHANNEL_DATAGRAMS
        self._dtls_timer: Timer | None = None
        self._sockets = server.sockets if server is not None else IceSockets(context, self)
        try:
            self._candidates = self._open(body)
        except (BodyError, CommandError):
            self.close()
            raise

    # ------------------------------------------------------------ commands

    @handles(commands.TRANSPORT_DUMP)
    def dump(self) -> WebRtcTransportDump:
        """All there is to know of it."""
        return WebRtcTransportDump(
            **asdict(self.base_dump()),
            ice_role="controlled",
            ice_parameters=self._ice_parameters(),
            ice_candidates=self._candidates,
            ice_state=self._ice.state.value,
            ice_selected_tuple=self._selected_tuple(),
            dtls_parameters=LocalDtlsParameters(
                fingerprints=[
                    DtlsFingerprint(algorithm=fingerprint.algorithm, value=fingerprint.value)
                    for fingerprint in self.context.certificate.fingerprints
                ],
                role=self._dtls_role.value,
            ),
            dtls_state=self._dtls.state.value,
        )

    @handles(commands.TRANSPORT_GET_STATS)
    def get_stats(self) -> list[TransportStats]:
        """One entry."""
        return [
            replace(
                self.base_stats("webrtc-transport"),
                ice_role="controlled",
                ice_state=self._ice.state.value,
                ice_selected_tuple=self._selected_tuple(),
                dtls_state=self._dtls.state.value,
            )
        ]

    @handles(commands.TRANSPORT_CONNECT)
    def connect(self, body: ConnectRequest) -> ConnectResponse:
        """Tells the peer's fingerprint and role; answers with our role.

        A peer that leaves the role open answers (RFC 5763 section 5): we are the client then.

        Raises:
            CommandError: Called a second time.
            BodyError: No parameters, or an algorithm nobody knows.
        """
        if self._connect_called:
            raise CommandError("connect() already called")
        parameters = body.dtls_parameters
        if parameters is None:
            raise BodyError("missing dtlsParameters")
        fingerprint = Fingerprint(parameters.fingerprints[0].algorithm.lower(), parameters.fingerprints[0].value)
        if fingerprint.algorithm not in FINGERPRINT_ALGORITHMS:
            raise BodyError("invalid fingerprint.algorithm value")
        self._connect_called = True
        self._dtls_role = DtlsRole.SERVER if parameters.role == "client" else DtlsRole.CLIENT
        self._apply_dtls(self._dtls.set_remote_fingerprint(fingerprint))
        if self._dtls.state == DtlsState.CONNECTED:  # the handshake was waiting for the fingerprint
            self._dtls_role = self._dtls.role or self._dtls_role
        self._run_dtls()
        return ConnectResponse(dtls_local_role=self._dtls_role.value)

    @handles(commands.TRANSPORT_RESTART_ICE)
    def restart_ice(self) -> RestartIceResponse:
        """New ICE credentials; the old ones stay good until the peer uses the new ones."""
        self._apply_ice(self._ice.restart(_make_credentials()))
        return RestartIceResponse(ice_parameters=self._ice_parameters())

    # ------------------------------------------------------------ for the sockets, the server and the plane

    def knows_username_fragment(self, fragment: str) -> bool:
        """Whether it is one of ours."""
        return fragment in self._ice.username_fragments

    def on_stun_message(self, fragment: str, message: StunMessage, tuple_: IceTuple, now_us: int) -> None:
        """A connectivity check, or something that claims to be one."""
        self._apply_ice(self._ice.receive(message, tuple_, now_us))
        self._watch_consent()

    def on_tuple_gone(self, tuple_: IceTuple) -> None:
        """The TCP connection ended."""
        self._apply_ice(self._ice.remove_tuple(tuple_))

    def on_tuple_taken(self, tuple_: IceTuple) -> None:
        """The tuple belongs to another transport of the server now; over TCP that is our own peer's doing."""
        if tuple_.protocol == "tcp":
            self.on_tuple_gone(tuple_)
        else:
            self._apply_ice(self._ice.take_away(tuple_))

    def holds(self, tuple_: IceTuple, now_us: int) -> bool:
        """Whether a valid tuple stays ours though somebody proves to another transport that the address is his.

        Over UDP he may have forged it. Our peer must have been heard over it within ``TUPLE_HOLD_US``, by a check, by
        SRTP or by data over DTLS, must not have said goodbye, and must have finished its DTLS handshake, for which as
        much time is given: an address that somebody claims in advance is free again soon.
        """
        if self.closed or tuple_.protocol == "tcp" or self._dtls.state in (DtlsState.FAILED, DtlsState.CLOSED):
            return False
        if self._dtls.state != DtlsState.CONNECTED and now_us - self._reached_us > TUPLE_HOLD_US:
            return False
        heard_us = self._ice.heard_us(tuple_)
        if heard_us is None:
            return False
        if tuple_ == self._ice.selected_tuple:
            heard_us = max(heard_us, self._data_heard_us, self.plane.last_heard_us)
        return now_us - heard_us <= TUPLE_HOLD_US

    def on_sender_moved(self, event: SenderMoved, now_us: int) -> None:
        """The peer uses another valid tuple than the selected one, without nominating it: follows it.

        What looks like DTLS may be anybody's once there is a connection: it is followed when it was deciphered.
        """
        if now_us - self._followed_us < _FOLLOW_EVERY_US:
            return
        for tuple_ in self._ice.tuples:
            if tuple_.socket is event.socket and tuple_.remote_address == event.address:
                if event.genuine or self._dtls.state != DtlsState.CONNECTED:
                    self._follow(tuple_, now_us)
                else:
                    self._unproven = tuple_
                break

    def _follow(self, tuple_: IceTuple, now_us: int) -> None:
        self._followed_us = now_us
        self._apply_ice(self._ice.follow(tuple_))

    def on_dtls(self, data: bytes, now_us: int) -> None:
        """A DTLS datagram over a valid tuple."""
        came_over, self._unproven = self._unproven, None
        patience_us = AFTER_FAULT_US
        try:
            events = self._dtls.receive(data, now_us)
            if any(isinstance(event, ApplicationData) for event in events):
                if came_over is None:
                    self._data_heard_us = now_us
                else:
                    self._follow(came_over, now_us)
            self._apply_dtls(events)
            patience_us = 0
        finally:
            self._watch_dtls(patience_us)

    def on_sctp(self, data: bytes, now_us: int) -> None:
        """SCTP that does not come over DTLS is nobody's."""

    def send_sctp(self, packet: bytes) -> None:
        """Sends an SCTP packet over DTLS (RFC 8261)."""
        if self.connected and self._dtls.state == DtlsState.CONNECTED:
            self._apply_dtls(self._dtls.send(packet))

    def close_path(self) -> None:
        """Says goodbye over DTLS, then gives everything back."""
        for timer in (self._consent_timer, self._dtls_timer):
            if timer is not None:
                timer.cancel()
        self._consent_timer = self._dtls_timer = None
        attempt(self, self._end_protocols)
        if self._server is None:
            self._sockets.close()
        else:
            self._server.remove_transport(self)

    def _end_protocols(self) -> None:
        try:
            self._apply_dtls(self._dtls.close())
        finally:
            self._apply_ice(self._ice.close())

    # ------------------------------------------------------------ ICE

    def _open(self, body: WebRtcTransportOptions) -> list[IceCandidate]:
        self._sockets.expect(self._ice.credentials.username_fragment, self.plane)
        wanted = {"udp": body.enable_udp, "tcp": body.enable_tcp}
        if self._server is not None:
            self._server.add_transport(self, self._ice.credentials.username_fragment)
            groups = [[endpoint] if wanted[endpoint.protocol] else [] for endpoint in self._server.endpoints]
            if not any(groups):
                raise BodyError("empty iceCandidates")
        else:
            assert isinstance(body, CreateWebRtcTransportRequest)
            groups = [
                [
                    self._sockets.open(protocol, listen.ip, body.port or None, listen.announced_ip)
                    for protocol in ("udp", "tcp")
                    if wanted[protocol]
                ]
                for listen in body.listen_ips
            ]
        return [
            IceCandidate(
                foundation=candidate.foundation,
                priority=candidate.priority,
                ip=candidate.ip,
                protocol=candidate.protocol,
                port=candidate.port,
                type="host",
                tcp_type="passive" if candidate.protocol == "tcp" else None,
            )
            for candidate in make_candidates(groups, prefer_udp=body.prefer_udp, prefer_tcp=body.prefer_tcp)
        ]

    def _apply_ice(self, events: list[IceEvent]) -> None:
        """Does what the agent says, which tells nothing twice: a fault in one thing takes no other away."""
        for event in events:
            attempt(self, self._apply_ice_event, event)

    def _apply_ice_event(self, event: IceEvent) -> None:
        if isinstance(event, ice.Reply):
            self._sockets.send(event.tuple, event.data)
        elif isinstance(event, ice.TupleAdded):
            self._sockets.prove(event.tuple)
            self._accept(event.tuple)
        elif isinstance(event, ice.TupleRemoved):
            self._refuse(event.tuple)
        elif isinstance(event, ice.SelectedTupleChanged):
            self._select(event.tuple)
        elif isinstance(event, ice.PathLost):
            self.plane.set_destination(None, None)
        elif isinstance(event, ice.StateChanged):
            self._change_ice_state(event.state)
        elif isinstance(event, ice.UsernameFragmentAdded):
            self._sockets.expect(event.username_fragment, self.plane)
            if self._server is not None:
                self._server.add_username_fragment(event.username_fragment, self)
        else:
            self._sockets.forget(event.username_fragment)
            if self._server is not None:
                self._server.remove_username_fragment(event.username_fragment)

    def _accept(self, tuple_: IceTuple) -> None:
        self._reached_us = self._reached_us or self.context.scheduler.now_us()
        if self._server is not None:
            self._server.add_tuple(tuple_, self)
        self.plane.accept_from(_end_of(tuple_), tuple_.remote_address)

    def _refuse(self, tuple_: IceTuple) -> None:
        self.plane.stop_accepting(_end_of(tuple_), tuple_.remote_address)
        if self._server is None or self._server.remove_tuple(tuple_, self):
            self._sockets.drop(tuple_)

    def _select(self, tuple_: IceTuple) -> None:
        self.plane.set_destination(_end_of(tuple_), tuple_.remote_address)
        logger.debug("ICE selected transport=%s remote=%s", self.id, tuple_.remote_address)
        self.context.notifier.notify(
            self.id, "iceselectedtuplechange", IceSelectedTupleChange(ice_selected_tuple=_tuple_body(tuple_))
        )

    def _change_ice_state(self, state: IceState) -> None:
        logger.debug("ICE transport=%s state=%s", self.id, state)
        self.context.notifier.notify(self.id, "icestatechange", IceStateChange(ice_state=state.value))
        if state not in _REACHABLE:
            self.plane.set_destination(None, None)
            self.on_disconnected()
            return
        self._run_dtls()
        if self._dtls.state == DtlsState.CONNECTED:
            self.on_connected()

    def _watch_consent(self, patience_us: int = 0) -> None:
        """Keeps one timer; a check that came meanwhile moves the deadline, not the timer."""
        deadline_us = self._ice.timeout_us()
        if self._consent_timer is None and deadline_us is not None:
            delay_us = max(deadline_us - self.context.scheduler.now_us(), patience_us)
            self._consent_timer = self.context.scheduler.call_later(delay_us, self._on_consent_timer)

    def _on_consent_timer(self) -> None:
        self._consent_timer = None
        patience_us = AFTER_FAULT_US
        try:
            self._apply_ice(self._ice.handle_timeout(self.context.scheduler.now_us()))
            patience_us = 0
        finally:
            self._watch_consent(patience_us)

    # ------------------------------------------------------------ DTLS

    def _run_dtls(self) -> None:
        """Begins the handshake once ICE has a tuple; as the server while the peer's role is unknown.

        Also as the client it does not wait for the nomination, since some browsers nominate late.
        """
        if self._ice.state not in _REACHABLE or self._dtls.state not in (DtlsState.NEW, DtlsState.CONNECTING):
            return
        if self._dtls_role == DtlsRole.AUTO:
            self._dtls_role = DtlsRole.SERVER
        self._apply_dtls(self._dtls.start(self._dtls_role, self.context.scheduler.now_us()))
        self._watch_dtls()

    def _apply_dtls(self, events: list[DtlsEvent]) -> None:
        """Likewise; each message of the peer is a unit of work."""
        for event in events:
            attempt(self, self._apply_dtls_event, event)

    def _apply_dtls_event(self, event: DtlsEvent) -> None:
        if isinstance(event, DatagramToSend):
            self.plane.send(event.data)
        elif isinstance(event, Connected):
            self._connect_dtls(event)
        elif isinstance(event, StateChanged):
            self._change_dtls_state(event.state)
        elif isinstance(event, ApplicationData):
            super().on_sctp(event.data, self.context.scheduler.now_us())

    def _connect_dtls(self, event: Connected) -> None:
        logger.debug("DTLS transport=%s state=connected srtp_profile=%d", self.id, event.srtp_profile, extra=_DTLS)
        self.plane.set_srtp(SrtpSuite(event.srtp_profile), event.remote_key, event.local_key)
        self.context.notifier.notify(
            self.id,
            "dtlsstatechange",
            DtlsStateChange(dtls_state="connected", dtls_remote_cert=event.remote_certificate),
        )
        if self._ice.state in _REACHABLE:
            self.on_connected()

    def _change_dtls_state(self, state: DtlsState) -> None:
        logger.debug("DTLS transport=%s state=%s", self.id, state, extra=_DTLS)
        self.context.notifier.notify(self.id, "dtlsstatechange", DtlsStateChange(dtls_state=state.value))
        if state == DtlsState.CLOSED:
            self.on_disconnected()

    def _watch_dtls(self, patience_us: int = 0) -> None:
        if self._dtls_timer is not None:
            self._dtls_timer.cancel()
            self._dtls_timer = None
        now_us = self.context.scheduler.now_us()
        deadline_us = self._dtls.timeout_us(now_us)
        if deadline_us is not None:
            self._dtls_timer = self.context.scheduler.call_later(
                max(deadline_us - now_us, patience_us), self._on_dtls_timer
            )

    def _on_dtls_timer(self) -> None:
        self._dtls_timer = None
        patience_us = AFTER_FAULT_US
        try:
            self._apply_dtls(self._dtls.handle_timeout(self.context.scheduler.now_us()))
            patience_us = 0
        finally:
            self._watch_dtls(patience_us)

    # ------------------------------------------------------------ shapes

    def _ice_parameters(self) -> IceParameters:
        credentials = self._ice.credentials
        return IceParameters(
            username_fragment=credentials.username_fragment, password=credentials.password, ice_lite=True
        )

    def _selected_tuple(self) -> TransportTuple | None:
        return _tuple_body(self._ice.selected_tuple) if self._ice.selected_tuple is not None else None


def _make_credentials() -> Credentials:
    """32 characters each: 128 bits, as RFC 8445 section 5.3 asks of the password."""
    return Credentials(secrets.token_hex(16), secrets.token_hex(16))


def _end_of(tuple_: IceTuple) -> UdpSocket | TcpConnection:
    assert isinstance(tuple_.socket, (UdpSocket, TcpConnection))
    return tuple_.socket


def _tuple_body(tuple_: IceTuple) -> TransportTuple:
    local_ip, local_port = tuple_.local_address
    remote_ip, remote_port = tuple_.remote_address
    return TransportTuple(
        local_ip=local_ip,
        local_port=local_port,
        protocol=tuple_.protocol,
        remote_ip=remote_ip,
        remote_port=remote_port,
    )
