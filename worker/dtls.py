"""DTLS-SRTP for one transport: handshake, SRTP keys, and application data (RFC 6347, RFC 5764, RFC 8122).

OpenSSL does the protocol, between two memory BIOs; datagrams and the time go in, events come out. OpenSSL's
retransmission timer is the one thing here that follows the real clock.

OpenSSL and cryptography are imported when they are first needed: they take 70 ms, and a worker has to start quickly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from miso.worker.errors import InvalidStateError, SettingsError
from miso.worker.srtp_suite import SrtpSuite

if TYPE_CHECKING:
    from OpenSSL import SSL

MTU = 1200  # bytes of one datagram; fits every path that carries IPv6 and a tunnel
HANDSHAKE_TIMEOUT_US = 30_000_000
_AFTER_TIMEOUT_US = 1_000  # OpenSSL does nothing that is asked of it a moment too early

FINGERPRINT_ALGORITHMS = ("sha-1", "sha-224", "sha-256", "sha-384", "sha-512")

_HASH_NAMES = {algorithm: algorithm.replace("-", "") for algorithm in FINGERPRINT_ALGORITHMS}
_FIRST_BYTES = range(20, 64)
_RECORD_HEADER_SIZE = 13  # its last two bytes are the length of what follows
_READ_SIZE = 65_536
_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
# Fingerprints authenticate, not the signature or the length of a self-signed certificate, hence level 1.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:@SECLEVEL=1"


@cache
def _openssl() -> ModuleType:
    """``OpenSSL.SSL``, for what runs per datagram: an import statement there costs some µs each time."""
    from OpenSSL import SSL

    return SSL


class DtlsRole(StrEnum):
    """Who begins the handshake: the client; "auto" is undecided."""

    AUTO = "auto"
    CLIENT = "client"
    SERVER = "server"


class DtlsState(StrEnum):
    """States with the names that the API uses; failed and closed are final."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SrtpProfile:
    """An SRTP protection profile, and what OpenSSL calls it."""

    suite: SrtpSuite
    openssl_name: str


SRTP_PROFILES = (
    SrtpProfile(SrtpSuite.AEAD_AES_256_GCM, "SRTP_AEAD_AES_256_GCM"),
    SrtpProfile(SrtpSuite.AEAD_AES_128_GCM, "SRTP_AEAD_AES_128_GCM"),
    SrtpProfile(SrtpSuite.AES_CM_128_HMAC_SHA1_80, "SRTP_AES128_CM_SHA1_80"),
    SrtpProfile(SrtpSuite.AES_CM_128_HMAC_SHA1_32, "SRTP_AES128_CM_SHA1_32"),
)
"""In the order of preference."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of a certificate: algorithm as in FINGERPRINT_ALGORITHMS, value "AB:CD:…" (RFC 8122 section 5)."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class DatagramToSend:
    """Send this to the peer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Another state; the change to connected comes as Connected instead."""

    state: DtlsState


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer is who the fingerprint says.

    Attributes:
        srtp_suite: The negotiated profile.
        remote_key: Master key and master salt of what the peer sends.
        local_key: Master key and master salt of what we send.
        remote_certificate: The peer's certificate in PEM form.
    """

    srtp_suite: SrtpSuite
    remote_key: bytes
    local_key: bytes
    remote_certificate: str


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """One message of the peer (SCTP, RFC 8261)."""

    data: bytes


DtlsEvent = DatagramToSend | StateChanged | Connected | ApplicationData


def is_dtls(data: bytes) -> bool:
    """Whether a datagram can be DTLS: by its first byte (RFC 7983) and with room for a record header."""
    return len(data) >= _RECORD_HEADER_SIZE and data[0] in _FIRST_BYTES


def fingerprint_of(certificate_der: bytes, algorithm: str) -> Fingerprint:
    """The hash of a certificate in the form of SDP. Raises KeyError for an algorithm not in FINGERPRINT_ALGORITHMS."""
    return Fingerprint(algorithm, hashlib.new(_HASH_NAMES[algorithm], certificate_der).digest().hex(":").upper())


class Certificate:
    """The certificate and key of a worker, used by all its transports.

    Args:
        certificate_pem: PEM text; without it, a self-signed ECDSA P-256 certificate is made when it is first needed.
        private_key_pem: PEM text of its key.

    Raises:
        SettingsError: The texts are no certificate and key, or do not belong together.
    """

    def __init__(self, certificate_pem: bytes | None = None, private_key_pem: bytes | None = None) -> None:
        self._certificate_pem = certificate_pem
        self._private_key_pem = private_key_pem
        if certificate_pem is not None:
            self.prepare()

    @classmethod
    def from_files(cls, certificate_file: str, private_key_file: str) -> Certificate:
        """Reads both from PEM files.

        Raises:
            SettingsError: A file cannot be read, holds something else, or they do not belong together.
        """
        texts = []
        for file in (certificate_file, private_key_file):
            try:
                texts.append(Path(file).read_bytes())
            except OSError as error:
                raise SettingsError(f"cannot read {file}: {error.strerror}") from error
            if b"-----BEGIN " not in texts[-1]:
                raise SettingsError(f"{file} is not a PEM file")
        return cls(*texts)

    def prepare(self) -> None:
        """Does now what would otherwise be done at the first use: loading OpenSSL, making the key, the context."""
        assert self.context
        assert self.fingerprints

    @cached_property
    def fingerprints(self) -> list[Fingerprint]:
        """With all five algorithms."""
        return [fingerprint_of(self._der, algorithm) for algorithm in FINGERPRINT_ALGORITHMS]

    @cached_property
    def context(self) -> SSL.Context:
        """The OpenSSL context that all handshakes with this certificate share."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from OpenSSL import SSL

        certificate_pem, private_key_pem = self._pems
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_cipher_list(_CIPHERS)  # first: the level in it decides about the certificate too
        try:
            context.use_certificate(x509.load_pem_x509_certificate(certificate_pem))
            key = serialization.load_pem_private_key(private_key_pem, None)
            context.use_privatekey(key)  # type: ignore[arg-type]
            context.check_privatekey()
        except (ValueError, TypeError, SSL.Error) as error:
            raise SettingsError(f"DTLS certificate and private key cannot be used: {error}") from error
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_TICKET)
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # Any certificate will do here: the fingerprint decides afterwards.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_tlsext_use_srtp(":".join(profile.openssl_name for profile in SRTP_PROFILES).encode())
        return context

    @cached_property
    def _der(self) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        return x509.load_pem_x509_certificate(self._pems[0]).public_bytes(Encoding.DER)

    @cached_property
    def _pems(self) -> tuple[bytes, bytes]:
        if self._certificate_pem is not None:
            return self._certificate_pem, self._private_key_pem or b""
        return _make_certificate()


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

    def start(self, role: DtlsRole, now_us: int) -> list[DtlsEvent]:
        """Begins the handshake; with the other role than that of a handshake under way, begins anew.

        Raises:
            InvalidStateError: Connected, failed or closed already.
        """
        if self.state not in (DtlsState.NEW, DtlsState.CONNECTING):
            raise InvalidStateError(f"DTLS cannot start in state {self.state}")
        if role == self.role:
            return []
        from OpenSSL import SSL

        self.role = role
        self._handshake_done = False
        self._deadline_us = None
        connection = self._connection = SSL.Connection(self._certificate.context)
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
        self._connection.bio_write(data)
        return self._advance()

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
        remaining_s = self._connection.DTLSv1_get_timeout()
        retransmission_us = None if remaining_s is None else now_us + int(remaining_s * 1_000_000) + _AFTER_TIMEOUT_US
        times = [time_us for time_us in (retransmission_us, self._deadline_us) if time_us is not None]
        return min(times, default=None)

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

    def _advance(self) -> list[DtlsEvent]:
        """Lets OpenSSL work on what has come in."""
        assert self._connection is not None
        errors = _openssl()
        events: list[DtlsEvent] = []
        received: list[DtlsEvent] = []
        ended = False
        try:
            if not self._handshake_done:
                self._connection.do_handshake()
                self._handshake_done = True
                events += self._take_datagrams()
                if self._remote_fingerprint is not None:
                    events += self._finish()
            while self._connection is not None:
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
        from OpenSSL import crypto

        # OpenSSL takes certificates that cryptography refuses to read; only their bytes matter here.
        certificate = self._connection.get_peer_certificate()
        name = self._connection.get_selected_srtp_profile().decode()
        profile = next((profile for profile in SRTP_PROFILES if profile.openssl_name == name), None)
        if certificate is None or profile is None:
            return self._end(DtlsState.FAILED)
        wanted = self._remote_fingerprint
        found = fingerprint_of(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate), wanted.algorithm)
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
                remote_certificate=crypto.dump_certificate(crypto.FILETYPE_PEM, certificate).decode(),
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
        while True:
            try:
                pending += self._connection.bio_read(_READ_SIZE)
            except errors.WantReadError:
                break
        start = end = 0
        while end < len(pending):
            body = end + _RECORD_HEADER_SIZE
            record_end = body + int.from_bytes(pending[body - 2 : body], "big")
            if record_end - start > MTU and end > start:
                yield DatagramToSend(pending[start:end])
                start = end
            end = record_end
        if start < len(pending):
            yield DatagramToSend(pending[start:])


def _export_keys(connection: SSL.Connection, suite: SrtpSuite) -> tuple[bytes, bytes]:
    """(client's, server's) master key and salt from ``client key | server key | client salt | server salt``."""
    key, salt = suite.key_size, suite.salt_size
    material = connection.export_keying_material(_EXPORTER_LABEL, 2 * (key + salt))
    salts = material[2 * key :]
    return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt:]


def _make_certificate() -> tuple[bytes, bytes]:
    """A self-signed ECDSA P-256 certificate and its key, both PEM."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "miso")])
    # Fixed dates: browsers do not look at them, and this code has no clock.
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
