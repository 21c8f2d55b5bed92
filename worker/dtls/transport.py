"""The DTLS association of one transport: handshake, SRTP keys, and application data.

OpenSSL does the protocol, between two memory BIOs; datagrams and the time go in, events come out. OpenSSL's
retransmission timer is the one thing here that follows the real clock.

OpenSSL and cryptography are imported when they are first needed: they take 70 ms, and a worker has to start quickly.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

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
from miso.worker.dtls.srtp_profiles import SRTP_PROFILES
from miso.worker.errors import InvalidStateError
from miso.worker.srtp_suite import SrtpSuite

if TYPE_CHECKING:
    from OpenSSL import SSL
    from OpenSSL.crypto import X509

MTU = 1200  # bytes of one datagram; fits every path that carries IPv6 and a tunnel
HANDSHAKE_TIMEOUT_US = 30_000_000
_AFTER_TIMEOUT_US = 1_000  # OpenSSL does nothing that is asked of it a moment too early

_FIRST_BYTES = range(20, 64)
_RECORD_HEADER_SIZE = 13  # its last two bytes are the length of what follows
_OF_A_HANDSHAKE = (20, 22)  # content types of records (RFC 6347 section 4.1): change_cipher_spec, handshake
_MAX_PARTS = 8  # of a datagram; a peer's has two epochs, or three
_READ_SIZE = 16_384  # the longest message
_WRITTEN_SIZE = 4096  # of what OpenSSL wants to send, at once: a longer buffer scatters what is allocated meanwhile
_ALL = 65_536  # records, more than can have come before a handshake was over
_PEM_LINE = 64  # characters
_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2


@cache
def _openssl() -> ModuleType:
    """``OpenSSL.SSL``, for what runs per datagram: an import statement there costs some µs each time."""
    from OpenSSL import SSL

    return SSL


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
        self._connection: SSL.Connection | None = None
        self._handshake_done = False
        self._deadline_us: int | None = None  # when the handshake is given up
        self._remote_fingerprint: Fingerprint | None = None
        self._came_early = False  # something else than the handshake, before that was over

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
        self._handshake_done = self._came_early = False
        self._deadline_us = None
        connection = self._connection = _openssl().Connection(self._certificate.context)
        connection.set_ciphertext_mtu(MTU)
        events: list[DtlsEvent] = []
        if self.state == DtlsState.NEW:
            self.state = DtlsState.CONNECTING
            events.append(StateChanged(self.state))
        if role == DtlsRole.SERVER:
            connection.set_accept_state()
            return events
        connection.set_connect_state()
        self._deadline_us = now_us + HANDSHAKE_TIMEOUT_US
        return events + self._advance()

    def set_remote_fingerprint(self, fingerprint: Fingerprint) -> list[DtlsEvent]:
        """Tells who the peer has to be; ends a handshake that waited for it."""
        self._remote_fingerprint = fingerprint
        return self._finish() if self._handshake_done and self.state == DtlsState.CONNECTING else []

    def receive(self, data: bytes, now_us: int) -> list[DtlsEvent]:
        """Takes a datagram; what is not DTLS, or comes when nothing runs, is dropped."""
        if self._connection is None or self.state not in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            return []
        if not is_dtls(data):
            return []
        if self._deadline_us is None and not self._handshake_done:
            self._deadline_us = now_us + HANDSHAKE_TIMEOUT_US
        events: list[DtlsEvent] = []
        for part, types in _parts(data):
            if self._connection is not None:
                self._connection.bio_write(part)
                events += self._advance(types)
        return events

    def send(self, data: bytes) -> list[DtlsEvent]:
        """Encrypts one message; at most 16,384 bytes, more than MTU is the network's business.

        Raises:
            InvalidStateError: Not connected.
        """
        if self._connection is None or self.state != DtlsState.CONNECTED:
            raise InvalidStateError(f"DTLS cannot send in state {self.state}")
        errors = _openssl()
        try:
            self._connection.send(data)
        except errors.Error:
            return [*self._take_datagrams(), *self._end(DtlsState.CLOSED)]
        return list(self._take_datagrams())

    def timeout_us(self, now_us: int) -> int | None:
        """When to call ``handle_timeout``; None: not at all."""
        if self._connection is None or self.state != DtlsState.CONNECTING or self._handshake_done:
            return None
        if self._deadline_us is None:  # a server that has heard nothing yet
            return None
        remaining_s = self._connection.DTLSv1_get_timeout()
        retransmission_us = None if remaining_s is None else now_us + int(remaining_s * 1_000_000) + _AFTER_TIMEOUT_US
        return self._deadline_us if retransmission_us is None else min(retransmission_us, self._deadline_us)

    def handle_timeout(self, now_us: int) -> list[DtlsEvent]:
        """Sends the last flight again when its time has come, and gives up 30 s after the handshake began."""
        if self._connection is None or self.state != DtlsState.CONNECTING or self._handshake_done:
            return []
        if self._deadline_us is not None and now_us >= self._deadline_us:
            return self._end(DtlsState.FAILED)
        from OpenSSL import SSL

        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            return self._end(DtlsState.FAILED)
        return list(self._take_datagrams())

    def close(self) -> list[DtlsEvent]:
        """Says goodbye to the peer (close_notify) and ends; no event for the state, the caller knows."""
        if self._connection is None or self.state not in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            return []
        from OpenSSL import SSL

        try:
            self._connection.shutdown()
        except SSL.Error:  # the handshake is not far enough for an alert
            pass
        events: list[DtlsEvent] = list(self._take_datagrams())
        self._end(DtlsState.CLOSED)
        return events

    def _advance(self, types: Sequence[int] = ()) -> list[DtlsEvent]:
        """Lets OpenSSL work on what has come in, records of these content types.

        It is not asked for more data than they can hold: to find that there is nothing else it allocates a buffer of
        16 kB, and keeps it.
        """
        assert self._connection is not None
        errors = _openssl()
        reads = len(types)
        events: list[DtlsEvent] = []
        received: list[DtlsEvent] = []
        ended = False
        try:
            if not self._handshake_done:
                self._came_early |= any(each not in _OF_A_HANDSHAKE for each in types)
                self._connection.do_handshake()
                self._handshake_done = True
                reads = _ALL if self._came_early else 0
                events += self._take_datagrams()
                if self._remote_fingerprint is not None:
                    events += self._finish()
            while self._connection is not None and reads > 0:
                reads -= 1
                data = self._connection.recv(_READ_SIZE)
                if self.state == DtlsState.CONNECTED:
                    received.append(ApplicationData(data))
        except errors.WantReadError:
            pass
        except errors.Error:  # close_notify, a fatal alert, or a handshake that cannot go on
            ended = True
        events += self._take_datagrams()
        events += received
        if ended:
            events += self._end(DtlsState.CLOSED if self.state == DtlsState.CONNECTED else DtlsState.FAILED)
        return events

    def _finish(self) -> list[DtlsEvent]:
        """Judges a finished handshake: the fingerprint must fit and an SRTP profile must be agreed."""
        assert self._connection is not None
        assert self._remote_fingerprint is not None
        # OpenSSL takes certificates that cryptography refuses to read; only their bytes matter here.
        certificate = self._connection.get_peer_certificate()
        name = self._connection.get_selected_srtp_profile().decode()
        profile = next((profile for profile in SRTP_PROFILES if profile.openssl_name == name), None)
        if certificate is None or profile is None:
            return self._end(DtlsState.FAILED)
        wanted = self._remote_fingerprint
        der = _certificate_bytes(certificate)
        found = fingerprint_of(der, wanted.algorithm)
        if found.value != wanted.value.upper():
            return self._end(DtlsState.FAILED)
        client_key, server_key = _export_keys(self._connection, profile.suite)
        is_client = self.role == DtlsRole.CLIENT
        self.state = DtlsState.CONNECTED
        return [
            Connected(
                srtp_suite=profile.suite,
                remote_key=server_key if is_client else client_key,
                local_key=client_key if is_client else server_key,
                remote_certificate=_as_pem(der),
            )
        ]

    def _end(self, state: DtlsState) -> list[DtlsEvent]:
        self._connection = None
        self.state = state
        return [StateChanged(state)]

    def _take_datagrams(self) -> Iterator[DatagramToSend]:
        """What OpenSSL wants to send: whole records, as many as fit a datagram together."""
        if self._connection is None:
            return
        errors = _openssl()
        pending = b""
        size = _WRITTEN_SIZE
        while size == _WRITTEN_SIZE:  # what is less is all there was
            try:
                data = self._connection.bio_read(_WRITTEN_SIZE)
            except errors.WantReadError:
                break
            pending += data
            size = len(data)
        first = 0
        for start, end in _records(pending):
            if end - first > MTU and start > first:
                yield DatagramToSend(pending[first:start])
                first = start
        if first < len(pending):
            yield DatagramToSend(pending[first:])


def _records(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each record begins and ends; the last one may end beyond what is there."""
    end = 0
    while end < len(data):
        start, body = end, end + _RECORD_HEADER_SIZE
        end = body + int.from_bytes(data[body - 2 : body], "big")
        yield start, end


def _parts(datagram: bytes) -> Iterator[tuple[bytes, list[int]]]:
    """A datagram in parts of one epoch each, with the content types of their records.

    OpenSSL copies what is of the next epoch into a buffer of 15 kB, which it keeps until it once has nothing to read.
    Whoever lets epochs change with each record does not get a turn of OpenSSL for each: the last part has all the rest.
    """
    first, epoch, types, left = 0, b"", list[int](), _MAX_PARTS
    for start, _ in _records(datagram):
        own = datagram[start + 3 : start + 5]
        if types and own != epoch and left > 1:
            yield datagram[first:start], types
            first, types, left = start, [], left - 1
        epoch = own
        types.append(datagram[start])
    yield datagram[first:], types


@cache
def _openssl_crypto() -> ModuleType:
    """``OpenSSL.crypto``, likewise."""
    from OpenSSL import crypto

    return crypto


def _certificate_bytes(certificate: X509) -> bytes:
    crypto = _openssl_crypto()
    der: bytes = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
    return der


def _as_pem(der: bytes) -> str:
    """As OpenSSL writes it (RFC 7468): lines of 64 characters."""
    text = b64encode(der).decode()
    lines = [text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _export_keys(connection: SSL.Connection, suite: SrtpSuite) -> tuple[bytes, bytes]:
    """(client's, server's) master key and salt from ``client key | server key | client salt | server salt``."""
    key, salt = suite.key_size, suite.salt_size
    material = connection.export_keying_material(_EXPORTER_LABEL, 2 * (key + salt))
    salts = material[2 * key :]
    return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt:]
