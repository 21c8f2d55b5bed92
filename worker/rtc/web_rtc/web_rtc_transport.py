"""A WebRTC transport: ICE-lite over UDP and TCP, DTLS, and SRTP with the keys that DTLS gives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from msgspec.structs import asdict, replace

from miso.worker.channel import commands
from miso.worker.channel.bodies import base as bodies
from miso.worker.channel.bodies.router import WebRtcTransportOptions
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    ConnectResponse,
    DtlsFingerprint,
    LocalDtlsParameters,
    RestartIceResponse,
    TransportStats,
    WebRtcTransportDump,
)
from miso.worker.channel.commands import handles
from miso.worker.dataplane import SenderMoved
from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.events import DtlsRole, DtlsState
from miso.worker.dtls.fingerprint import FINGERPRINT_ALGORITHMS, Fingerprint
from miso.worker.errors import BodyError, CommandError
from miso.worker.ice.server import IceState
from miso.worker.rtc.context import Context
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.web_rtc.dtls_session import DtlsSession
from miso.worker.rtc.web_rtc.ice_session import IceSession
from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer

# As bodies have them: a member's ``value`` takes two calls of Python 3.11 each time.
_ICE_STATES: Final[Mapping[IceState, bodies.IceState]] = {state: state.value for state in IceState}
_DTLS_STATES: Final[Mapping[DtlsState, bodies.DtlsState]] = {state: state.value for state in DtlsState}
_DTLS_ROLES: Final[Mapping[DtlsRole, bodies.DtlsRole]] = {role: role.value for role in DtlsRole}
_DATA_CHANNEL_DATAGRAMS = 8000  # a second: 75 Mbit/s, or the acknowledgements of twice as much


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
        self._ice = IceSession(context, self, self.plane, server, body.ice_consent_timeout)
        self._dtls = DtlsSession(context, self, self.plane)
        self._connect_called = False
        self.plane.watch_sender = True
        if self.sctp is not None:
            self.plane.allowance.dtls_per_second = _DATA_CHANNEL_DATAGRAMS
        try:
            self._ice.open(body)
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
            ice_parameters=self._ice.parameters,
            ice_candidates=self._ice.candidates,
            ice_state=_ICE_STATES[self._ice.state],
            ice_selected_tuple=self._ice.selected_tuple,
            dtls_parameters=LocalDtlsParameters(
                fingerprints=_fingerprints(self.context.certificate),
                role=_DTLS_ROLES[self._dtls.role],
            ),
            dtls_state=_DTLS_STATES[self._dtls.state],
        )

    @handles(commands.TRANSPORT_GET_STATS)
    def get_stats(self) -> list[TransportStats]:
        """One entry."""
        return [
            replace(
                self.base_stats("webrtc-transport"),
                ice_role="controlled",
                ice_state=_ICE_STATES[self._ice.state],
                ice_selected_tuple=self._ice.selected_tuple,
                dtls_state=_DTLS_STATES[self._dtls.state],
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
        self._dtls.set_remote(fingerprint, DtlsRole.SERVER if parameters.role == "client" else DtlsRole.CLIENT)
        if self._ice.is_reachable:
            self._dtls.start()
        return ConnectResponse(dtls_local_role=_DTLS_ROLES[self._dtls.role])

    @handles(commands.TRANSPORT_RESTART_ICE)
    def restart_ice(self) -> RestartIceResponse:
        """New ICE credentials; the old ones stay good until the peer uses the new ones."""
        self._ice.restart()
        return RestartIceResponse(ice_parameters=self._ice.parameters)

    # ------------------------------------------------------------ from the plane

    def on_sender_moved(self, event: SenderMoved, now_us: int) -> None:
        """The peer uses another valid tuple than the selected one."""
        self._ice.on_sender_moved(event, now_us)

    def on_dtls(self, data: bytes, now_us: int) -> None:
        """A DTLS datagram over a valid tuple."""
        try:
            self._dtls.receive(data, now_us)
        finally:
            self._ice.on_datagram_read()

    def on_sctp(self, data: bytes, now_us: int) -> None:
        """SCTP that does not come over DTLS is nobody's."""

    def send_sctp(self, packet: bytes) -> None:
        """Sends an SCTP packet over DTLS (RFC 8261)."""
        if self.connected:
            self._dtls.send(packet)

    # ------------------------------------------------------------ from ICE

    @property
    def is_proven(self) -> bool:
        """Whether the peer has finished its DTLS handshake."""
        return self._dtls.state == DtlsState.CONNECTED

    @property
    def is_over(self) -> bool:
        """Whether it is closed, or its peer has failed or left over DTLS."""
        return self.closed or self._dtls.state in (DtlsState.FAILED, DtlsState.CLOSED)

    def on_reachable(self) -> None:
        """The peer can be sent to; comes again when another tuple was nominated."""
        self._dtls.start()
        if self.is_proven:
            self.on_connected()

    def on_unreachable(self) -> None:
        """The peer cannot be sent to any more."""
        self.on_disconnected()

    # ------------------------------------------------------------ from DTLS

    def on_dtls_connected(self) -> None:
        """The peer is who it said, and the plane has the SRTP keys."""
        if self._ice.is_reachable:
            self.on_connected()

    def on_dtls_closed(self) -> None:
        """The peer said goodbye, or we did."""
        self.on_disconnected()

    def on_dtls_data(self, data: bytes) -> None:
        """Data came over DTLS: it is SCTP, and shows where the peer is."""
        now_us = self.context.scheduler.now_us()
        self._ice.on_data_deciphered(now_us)
        super().on_sctp(data, now_us)

    def close_path(self) -> None:
        """Says goodbye over DTLS, then gives everything back."""
        try:
            self._dtls.close()
        finally:
            self._ice.close()


@cache
def _fingerprints(certificate: Certificate) -> list[DtlsFingerprint]:
    """As dumps show them; a worker has one certificate."""
    return [
        DtlsFingerprint(algorithm=fingerprint.algorithm, value=fingerprint.value)
        for fingerprint in certificate.fingerprints
    ]
