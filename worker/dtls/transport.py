"""The DTLS association of one transport: handshake, SRTP keys, and application data.

OpenSSL does the protocol (``openssl.pyx``); datagrams and the time go in, events come out. OpenSSL's retransmission
timer is the one thing here that follows the real clock.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable

from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.events import (
    ApplicationData,
    Connected,
    DatagramToSend,
    DtlsEvent,
    DtlsRole,
    DtlsState,
    StateChanged,
)
from miso.worker.dtls.fingerprint import Fingerprint, fingerprint_of
from miso.worker.dtls.openssl import Connection
from miso.worker.dtls.srtp_profiles import SRTP_PROFILES
from miso.worker.errors import InvalidStateError

MTU = 1200  # bytes of one datagram; fits every path that carries IPv6 and a tunnel
HANDSHAKE_TIMEOUT_US = 30_000_000
_AFTER_TIMEOUT_US = 1_000  # OpenSSL does nothing that is asked of it a moment too early

_FIRST_BYTES = range(20, 64)
_RECORD_HEADER_SIZE = 13
_PEM_LINE = 64  # characters
_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
_SUITES = {profile.openssl_name: profile.suite for profile in SRTP_PROFILES}


def is_dtls(data: bytes) -> bool:
    """Whether a datagram can be DTLS: by its first byte (RFC 7983) and with room for a record header."""
    return len(data) >= _RECORD_HEADER_SIZE and data[0] in _FIRST_BYTES


class DtlsTransport:
    """The DTLS association of one transport.

    The remote fingerprint may come before, during or after the handshake; nothing is connected without it.

    Attributes:
        state: Where the association stands.
        role: Client or server once it runs, None before.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.state = DtlsState.NEW
        self.role: DtlsRole | None = None
        self._certificate = certificate
        self._connection: Connection | None = None
        self._deadline_us: int | None = None  # when the handshake is given up
        self._remote_fingerprint: Fingerprint | None = None

    def start(self, role: DtlsRole, now_us: int) -> list[DtlsEvent]:
        """Begins the handshake; with the other role than that of a handshake under way, begins anew.

        Raises:
            InvalidStateError: Connected, failed or closed already.
        """
        if self.state not in (DtlsState.NEW, DtlsState.CONNECTING):
            raise InvalidStateError(f"DTLS cannot start in state {self.state}")
        if role == self.role:
            return []
        self.role = role
        self._deadline_us = None
        self._connection = Connection(self._certificate.context, is_server=role == DtlsRole.SERVER, mtu=MTU)
        events: list[DtlsEvent] = []
        if self.state == DtlsState.NEW:
            self.state = DtlsState.CONNECTING
            events.append(StateChanged(self.state))
        if role == DtlsRole.CLIENT:
            self._deadline_us = now_us + HANDSHAKE_TIMEOUT_US
            self._connection.begin()
            events += self._outcome(self._connection, ())
        return events

    def set_remote_fingerprint(self, fingerprint: Fingerprint) -> list[DtlsEvent]:
        """Tells who the peer has to be; ends a handshake that waited for it."""
        self._remote_fingerprint = fingerprint
        connection = self._connection
        waited = connection is not None and connection.handshake_done and self.state == DtlsState.CONNECTING
        return self._finish(connection, fingerprint) if connection is not None and waited else []

    def receive(self, data: bytes, now_us: int) -> list[DtlsEvent]:
        """Takes a datagram; what is not DTLS, or comes when nothing runs, is dropped."""
        connection = self._connection
        if connection is None or self.state not in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            return []
        if not is_dtls(data):
            return []
        if connection.handshake_done:
            return self._outcome(connection, connection.receive(data))
        if self._deadline_us is None:
            self._deadline_us = now_us + HANDSHAKE_TIMEOUT_US
        events = self._outcome(connection, connection.receive(data))
        if connection.handshake_done:
            if self._remote_fingerprint is not None:
                events += self._finish(connection, self._remote_fingerprint)
            if self._connection is not None and connection.has_more:
                events += self._outcome(connection, connection.go_on())
        return events

    def send(self, data: bytes) -> list[DtlsEvent]:
        """Encrypts one message; at most 16,384 bytes, more than MTU is the network's business.

        Raises:
            InvalidStateError: Not connected.
        """
        if self._connection is None or self.state != DtlsState.CONNECTED:
            raise InvalidStateError(f"DTLS cannot send in state {self.state}")
        self._connection.send(data)
        return self._outcome(self._connection, ())

    def timeout_us(self, now_us: int) -> int | None:
        """When to call ``handle_timeout``; None: not at all."""
        connection = self._connection
        if connection is None or self.state != DtlsState.CONNECTING or connection.handshake_done:
            return None
        if self._deadline_us is None:  # a server that has heard nothing yet
            return None
        remaining_us = connection.timeout_us()
        if remaining_us is None:
            return self._deadline_us
        return min(now_us + remaining_us + _AFTER_TIMEOUT_US, self._deadline_us)

    def wait_anew(self, now_us: int) -> None:
        """A handshake under way has as much time from then on as in the beginning: until then nobody has listened."""
        if self._deadline_us is not None:
            self._deadline_us = max(self._deadline_us, now_us + HANDSHAKE_TIMEOUT_US)

    def handle_timeout(self, now_us: int) -> list[DtlsEvent]:
        """Sends the last flight again when its time has come, and gives up 30 s after the handshake began."""
        connection = self._connection
        if connection is None or self.state != DtlsState.CONNECTING or connection.handshake_done:
            return []
        if self._deadline_us is not None and now_us >= self._deadline_us:
            return self._end(DtlsState.FAILED)
        connection.handle_timeout()
        return self._outcome(connection, ())

    def close(self) -> list[DtlsEvent]:
        """Says goodbye to the peer (close_notify) and ends; no event for the state, the caller knows."""
        connection = self._connection
        if connection is None or self.state not in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            return []
        connection.shut_down()
        events = self._outcome(connection, ())
        self._end(DtlsState.CLOSED)
        return events

    def _outcome(self, connection: Connection, messages: Iterable[bytes]) -> list[DtlsEvent]:
        """What OpenSSL has done: datagrams to send, messages that came, and whether it is over."""
        events: list[DtlsEvent] = list(map(DatagramToSend, connection.datagrams()))
        if self.state == DtlsState.CONNECTED:
            events += map(ApplicationData, messages)
        if connection.ended:
            events += self._end(DtlsState.CLOSED if self.state == DtlsState.CONNECTED else DtlsState.FAILED)
        return events

    def _finish(self, connection: Connection, wanted: Fingerprint) -> list[DtlsEvent]:
        """Judges a finished handshake: the fingerprint must fit and an SRTP profile must be agreed."""
        der = connection.peer_certificate()  # OpenSSL takes some that cryptography refuses to read
        suite = _SUITES.get(connection.srtp_profile() or "")
        if der is None or suite is None:
            return self._end(DtlsState.FAILED)
        if fingerprint_of(der, wanted.algorithm).value != wanted.value.upper():
            return self._end(DtlsState.FAILED)
        key, salt = suite.key_size, suite.salt_size
        # client key | server key | client salt | server salt
        material = connection.export_keying_material(_EXPORTER_LABEL, 2 * (key + salt))
        if material is None:
            return self._end(DtlsState.FAILED)
        client_key = material[:key] + material[2 * key : 2 * key + salt]
        server_key = material[key : 2 * key] + material[2 * key + salt :]
        is_client = self.role == DtlsRole.CLIENT
        self.state = DtlsState.CONNECTED
        return [
            Connected(
                srtp_suite=suite,
                remote_key=server_key if is_client else client_key,
                local_key=client_key if is_client else server_key,
                remote_certificate=_as_pem(der),
            )
        ]

    def _end(self, state: DtlsState) -> list[DtlsEvent]:
        self._connection = None
        self.state = state
        return [StateChanged(state)]


def _as_pem(der: bytes) -> str:
    """As OpenSSL writes it (RFC 7468): lines of 64 characters."""
    text = b2a_base64(der, newline=False).decode()
    lines = [text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
