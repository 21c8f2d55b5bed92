"""DTLS-SRTP: against itself, against a bare OpenSSL peer, over pipes that lose datagrams, with hostile bytes."""

from __future__ import annotations

import datetime
import functools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

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
from miso.worker.dtls.fingerprint import FINGERPRINT_ALGORITHMS, Fingerprint, fingerprint_of
from miso.worker.dtls.srtp_profiles import SRTP_PROFILES
from miso.worker.dtls.transport import HANDSHAKE_TIMEOUT_US, MTU, DtlsTransport, is_dtls
from miso.worker.errors import InvalidStateError, SettingsError


@functools.cache
def certificate_of(kind: str) -> tuple[bytes, bytes]:
    """(certificate, key) in PEM form."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, int(kind))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2044, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


OURS = Certificate()


class End:
    """One end of a pipe: a transport and all its events."""

    def __init__(self, certificate: Certificate = OURS) -> None:
        self.transport = DtlsTransport(certificate)
        self.certificate = certificate
        self.events: list[DtlsEvent] = []
        self.outgoing: list[bytes] = []

    def take(self, events: list[DtlsEvent]) -> None:
        self.outgoing += [event.data for event in events if isinstance(event, DatagramToSend)]
        self.events += [event for event in events if not isinstance(event, DatagramToSend)]

    @property
    def connected(self) -> Connected:
        (event,) = [event for event in self.events if isinstance(event, Connected)]
        return event

    @property
    def received(self) -> list[bytes]:
        return [event.data for event in self.events if isinstance(event, ApplicationData)]


def exchange(left: End, right: End, pass_on: Callable[[bytes], bool] = lambda data: True) -> None:
    """Carries datagrams until nothing is under way."""
    while left.outgoing or right.outgoing:
        for source, sink in ((left, right), (right, left)):
            datagrams, source.outgoing = source.outgoing, []
            for data in datagrams:
                assert len(data) <= MTU
                if pass_on(data):
                    sink.take(sink.transport.receive(data, 0))


def introduce(left: End, right: End, algorithm: str = "sha-256") -> None:
    for one, other in ((left, right), (right, left)):
        fingerprint = next(f for f in other.certificate.fingerprints if f.algorithm == algorithm)
        one.take(one.transport.set_remote_fingerprint(fingerprint))


def connect(left: End, right: End) -> None:
    introduce(left, right)
    right.take(right.transport.start(DtlsRole.SERVER, 0))
    left.take(left.transport.start(DtlsRole.CLIENT, 0))
    exchange(left, right)


@pytest.mark.parametrize("algorithm", FINGERPRINT_ALGORITHMS)
def test_two_ends_agree_on_keys_with_each_fingerprint_algorithm(algorithm: str) -> None:
    client, server = End(), End(Certificate())
    introduce(client, server, algorithm)
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    exchange(client, server)
    assert client.connected.srtp_suite == server.connected.srtp_suite == SRTP_PROFILES[0].suite
    assert client.connected.local_key == server.connected.remote_key
    assert client.connected.remote_key == server.connected.local_key
    assert client.connected.local_key != client.connected.remote_key
    assert len(client.connected.local_key) == 32 + 12
    assert client.events[0] == StateChanged(DtlsState.CONNECTING)
    assert client.transport.state == server.transport.state == DtlsState.CONNECTED
    pem = client.connected.remote_certificate.encode()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    assert fingerprint_of(der, "sha-256") in server.certificate.fingerprints


@pytest.mark.parametrize("role", [DtlsRole.CLIENT, DtlsRole.SERVER])
@pytest.mark.parametrize("kind", ["ecdsa", "1024", "2048", "4096"])
def test_given_certificates_complete_in_both_roles(kind: str, role: DtlsRole) -> None:
    ours, theirs = End(), End(Certificate(*certificate_of(kind)))
    connect(ours, theirs) if role == DtlsRole.CLIENT else connect(theirs, ours)
    assert ours.transport.role == role
    assert ours.connected.remote_certificate.encode() == certificate_of(kind)[0]


def test_fingerprints_are_those_of_openssl(tmp_path: Path) -> None:
    certificate, key = certificate_of("ecdsa")
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    made = Certificate.from_files(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    assert [fingerprint.algorithm for fingerprint in made.fingerprints] == list(FINGERPRINT_ALGORITHMS)
    for fingerprint in made.fingerprints:
        option = "-" + fingerprint.algorithm.replace("-", "")
        command = ["openssl", "x509", "-noout", "-fingerprint", option, "-in", str(tmp_path / "cert.pem")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said.strip().endswith("=" + fingerprint.value)


class BarePeer:
    """OpenSSL with the simplest settings, independent of the code under test; a fixed read size as others use."""

    def __init__(self, profile: bytes | None, kind: str = "ecdsa") -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        certificate, key = certificate_of(kind)
        context.use_certificate(x509.load_pem_x509_certificate(certificate))
        context.use_privatekey(serialization.load_pem_private_key(key, None))  # type: ignore[arg-type]
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        if profile:
            context.set_tlsext_use_srtp(profile)
        self.connection = SSL.Connection(context)
        self.done = False

    def step(self, data: bytes = b"") -> list[bytes]:
        if data:
            self.connection.bio_write(data)
        try:
            self.connection.do_handshake()
            self.done = True
        except SSL.WantReadError:
            pass
        try:
            return [self.connection.bio_read(65536)]
        except SSL.WantReadError:
            return []


def talk(ours: End, peer: BarePeer) -> None:
    incoming = peer.step()
    while incoming or ours.outgoing:
        for data in incoming:
            ours.take(ours.transport.receive(data, 0))
        incoming = []
        datagrams, ours.outgoing = ours.outgoing, []
        for data in datagrams:
            incoming += peer.step(data)


@pytest.mark.parametrize("role", [DtlsRole.CLIENT, DtlsRole.SERVER])
@pytest.mark.parametrize("profile", SRTP_PROFILES)
def test_every_suite_is_agreed_with_a_peer_that_offers_only_it(profile: object, role: DtlsRole) -> None:
    assert profile in SRTP_PROFILES
    (expected,) = [known for known in SRTP_PROFILES if known == profile]
    peer = BarePeer(expected.openssl_name.encode())
    ours = End()
    der = x509.load_pem_x509_certificate(certificate_of("ecdsa")[0]).public_bytes(serialization.Encoding.DER)
    ours.transport.set_remote_fingerprint(fingerprint_of(der, "sha-384"))
    if role == DtlsRole.SERVER:
        peer.connection.set_connect_state()
    else:
        peer.connection.set_accept_state()
    ours.take(ours.transport.start(role, 0))
    talk(ours, peer)
    assert peer.done
    assert ours.connected.srtp_suite == expected.suite
    size = expected.suite.key_size + expected.suite.salt_size
    material = peer.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * size)
    key, salts = expected.suite.key_size, material[2 * expected.suite.key_size :]
    keys = [
        material[:key] + salts[: expected.suite.salt_size],
        material[key : 2 * key] + salts[expected.suite.salt_size :],
    ]
    of_the_client, of_the_server = keys
    assert ours.connected.local_key == (of_the_client if role == DtlsRole.CLIENT else of_the_server)
    assert ours.connected.remote_key == (of_the_server if role == DtlsRole.CLIENT else of_the_client)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL X509 objects is deprecated")
def test_a_certificate_that_only_openssl_can_read_is_good_enough() -> None:
    good = x509.load_pem_x509_certificate(certificate_of("ecdsa")[0]).public_bytes(serialization.Encoding.DER)
    odd = good.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)  # of version 8
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_certificate(odd)
    peer, ours = BarePeer(SRTP_PROFILES[0].openssl_name.encode()), End()
    peer.connection.use_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, odd))
    peer.connection.use_privatekey(serialization.load_pem_private_key(certificate_of("ecdsa")[1], None))  # type: ignore[arg-type]
    ours.transport.set_remote_fingerprint(fingerprint_of(odd, "sha-256"))
    peer.connection.set_connect_state()
    ours.take(ours.transport.start(DtlsRole.SERVER, 0))
    talk(ours, peer)
    assert "BEGIN CERTIFICATE" in ours.connected.remote_certificate


def test_without_srtp_the_handshake_fails() -> None:
    peer, ours = BarePeer(None), End()
    der = x509.load_pem_x509_certificate(certificate_of("ecdsa")[0]).public_bytes(serialization.Encoding.DER)
    ours.transport.set_remote_fingerprint(fingerprint_of(der, "sha-256"))
    peer.connection.set_connect_state()
    ours.take(ours.transport.start(DtlsRole.SERVER, 0))
    talk(ours, peer)
    assert ours.transport.state == DtlsState.FAILED


def test_another_certificate_than_the_announced_one_fails() -> None:
    client, server = End(), End(Certificate())
    introduce(client, server)
    server.transport.set_remote_fingerprint(Fingerprint("sha-256", ":".join(["AB"] * 32)))
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    exchange(client, server)
    assert server.events == [StateChanged(DtlsState.CONNECTING), StateChanged(DtlsState.FAILED)]
    with pytest.raises(InvalidStateError):
        server.transport.send(b"x")
    with pytest.raises(InvalidStateError):
        server.transport.start(DtlsRole.CLIENT, 0)


def test_a_lower_case_fingerprint_is_the_same() -> None:
    client, server = End(), End()
    for end in (client, server):
        end.transport.set_remote_fingerprint(Fingerprint("sha-1", OURS.fingerprints[0].value.lower()))
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    exchange(client, server)
    assert server.connected


def test_the_fingerprint_may_come_after_the_handshake() -> None:
    client, server = End(), End()
    client.transport.set_remote_fingerprint(OURS.fingerprints[2])
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    exchange(client, server)
    assert client.transport.state == DtlsState.CONNECTED
    assert server.transport.state == DtlsState.CONNECTING
    client.take(client.transport.send(b"too early"))
    exchange(client, server)
    server.take(server.transport.set_remote_fingerprint(OURS.fingerprints[4]))
    assert server.connected.remote_key == client.connected.local_key
    client.take(client.transport.send(b"in time"))
    exchange(client, server)
    assert server.received == [b"in time"]
    assert server.transport.timeout_us(0) is None


def test_application_data_goes_both_ways_as_messages() -> None:
    client, server = End(), End()
    connect(client, server)
    for size in (1, 1000, 1150):
        client.take(client.transport.send(bytes(size)))
        server.take(server.transport.send(b"\1" * size))
    exchange(client, server)
    assert [len(data) for data in server.received] == [1, 1000, 1150]
    assert [len(data) for data in client.received] == [1, 1000, 1150]


@pytest.mark.parametrize("order", ["behind it, in one datagram", "before it", "before it, in one datagram"])
def test_data_that_comes_with_the_end_of_the_handshake_is_read(order: str) -> None:
    client, server = End(), End()
    introduce(client, server)
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    while server.transport.state != DtlsState.CONNECTED:
        for source, sink in ((server, client), (client, server)):
            datagrams, source.outgoing = source.outgoing, []
            for data in datagrams:
                sink.take(sink.transport.receive(data, 0))
    end_of_handshake, server.outgoing = server.outgoing, []
    server.take(server.transport.send(b"one"))
    server.take(server.transport.send(b"two"))
    ordered = (
        [*end_of_handshake, *server.outgoing] if order.startswith("behind") else [*server.outgoing, *end_of_handshake]
    )
    for data in [b"".join(ordered)] if order.endswith("datagram") else ordered:
        client.take(client.transport.receive(data, 0))
    assert client.transport.state == DtlsState.CONNECTED
    assert client.received == [b"one", b"two"]


def test_each_record_of_a_datagram_is_read_also_beside_one_that_is_forged() -> None:
    client, server = End(), End()
    connect(client, server)
    for text in (b"one", b"two", b"three"):
        client.take(client.transport.send(text))
    one, two, three = client.outgoing
    forged = two[:-1] + bytes([two[-1] ^ 1])
    server.take(server.transport.receive(one + forged + two + three, 0))
    server.take(server.transport.receive(one + two, 0))  # again
    assert server.received == [b"one", b"two", b"three"]


def test_a_datagram_whose_records_are_of_many_epochs_is_read_to_its_end() -> None:
    client, server = End(), End()
    connect(client, server)
    client.take(client.transport.send(b"one"))
    [one] = client.outgoing
    nothing = [bytes([23, 0xFE, 0xFD, *epoch.to_bytes(2, "big"), *bytes(8)]) for epoch in range(2, 1000)]
    server.take(server.transport.receive(b"".join(nothing) + one, 0))
    server.take(server.transport.receive(one[:-1], 0))
    assert server.received == [b"one"]


def test_the_end_of_a_handshake_that_was_lost_comes_again_when_the_peer_repeats_its_own() -> None:
    client, server = End(), End()
    introduce(client, server)
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    exchange(client, server, lambda data: server.transport.state != DtlsState.CONNECTED)
    assert [event for event in client.events if isinstance(event, Connected)] == []
    assert wait_for_the_timer(client)
    client.take(client.transport.handle_timeout(0))
    exchange(client, server)
    assert client.transport.state == DtlsState.CONNECTED
    client.take(client.transport.send(b"one"))
    server.take(server.transport.send(b"two"))
    exchange(client, server)
    assert (server.received, client.received) == ([b"one"], [b"two"])


def test_goodbye_closes_the_other_end() -> None:
    client, server = End(), End()
    connect(client, server)
    client.take(client.transport.close())
    exchange(client, server)
    assert client.transport.state == DtlsState.CLOSED
    assert server.events[-1] == StateChanged(DtlsState.CLOSED)
    assert server.transport.receive(b"\x16\xfe\xff" + bytes(20), 0) == []
    assert client.transport.close() == []


def test_closing_in_the_middle_of_a_handshake_is_quiet() -> None:
    client = End()
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    client.take(client.transport.close())
    assert client.events == [StateChanged(DtlsState.CONNECTING)]
    assert client.transport.timeout_us(0) is None


def test_the_other_role_begins_anew() -> None:
    ours, theirs = End(), End()
    introduce(ours, theirs)
    ours.take(ours.transport.start(DtlsRole.SERVER, 0))
    theirs.take(theirs.transport.start(DtlsRole.SERVER, 0))
    ours.take(ours.transport.start(DtlsRole.CLIENT, 0))
    exchange(ours, theirs)
    assert ours.connected.local_key == theirs.connected.remote_key
    assert ours.events.count(StateChanged(DtlsState.CONNECTING)) == 1


def wait_for_the_timer(end: End) -> bool:
    """Waits for OpenSSL's retransmission timer, the one clock that cannot be given; False when it does not run."""
    deadline_us = end.transport.timeout_us(0)
    if deadline_us is None:
        return False
    time.sleep(deadline_us / 1_000_000)
    return True


@pytest.mark.parametrize("lost", [{0}, {1}, {3}])
def test_lost_datagrams_are_sent_again(lost: set[int]) -> None:
    client, server = End(), End(Certificate(*certificate_of("4096")))
    introduce(client, server)
    count = -1

    def pass_on(data: bytes) -> bool:
        nonlocal count
        count += 1
        return count not in lost

    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    exchange(client, server, pass_on)
    assert DtlsState.CONNECTING in (client.transport.state, server.transport.state)
    for _ in range(3):
        for end in (client, server):
            if wait_for_the_timer(end):
                end.take(end.transport.handle_timeout(0))
        exchange(client, server, pass_on)
        if client.transport.state == server.transport.state == DtlsState.CONNECTED:
            break
    assert client.connected.local_key == server.connected.remote_key


def test_datagrams_that_come_twice_and_in_the_wrong_order_do_no_harm() -> None:
    client, server = End(), End(Certificate(*certificate_of("4096")))
    introduce(client, server)
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    while client.outgoing or server.outgoing:
        for source, sink in ((client, server), (server, client)):
            datagrams, source.outgoing = source.outgoing, []
            for data in [*reversed(datagrams), *datagrams]:
                sink.take(sink.transport.receive(data, 0))
    assert client.connected.local_key == server.connected.remote_key


def test_half_open_handshakes_end() -> None:
    client, server = End(), End()
    assert client.transport.timeout_us(0) is None
    client.take(client.transport.start(DtlsRole.CLIENT, 1_000))
    server.take(server.transport.start(DtlsRole.SERVER, 1_000))
    assert server.transport.timeout_us(1_000) is None  # nothing came yet, nothing to keep
    server.take(server.transport.receive(client.outgoing[0], 2_000))
    assert client.transport.handle_timeout(1_000 + HANDSHAKE_TIMEOUT_US) == [StateChanged(DtlsState.FAILED)]
    assert server.transport.handle_timeout(1_999 + HANDSHAKE_TIMEOUT_US) == []
    assert server.transport.handle_timeout(2_000 + HANDSHAKE_TIMEOUT_US) == [StateChanged(DtlsState.FAILED)]


def test_nothing_is_answered_before_it_starts() -> None:
    client, server = End(), End()
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    assert server.transport.receive(client.outgoing[0], 0) == []
    assert server.transport.handle_timeout(0) == []
    assert server.transport.close() == []


def test_every_truncation_of_a_client_hello_is_survived() -> None:
    client = End()
    client.take(client.transport.start(DtlsRole.CLIENT, 0))
    (hello,) = client.outgoing
    server = End()
    server.take(server.transport.start(DtlsRole.SERVER, 0))
    for size in range(len(hello)):
        server.take(server.transport.receive(hello[:size], 0))
    assert server.transport.state == DtlsState.CONNECTING
    introduce(client, server)
    exchange(client, server)
    assert server.connected


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\x16" + bytes(12), True), (b"\x16" + bytes(11), False), (b"\x80" * 20, False), (b"", False)],
)
def test_tells_dtls_from_the_rest(data: bytes, expected: bool) -> None:
    assert is_dtls(data) is expected


def test_wrong_files_are_wrong_settings(tmp_path: Path) -> None:
    certificate, key = certificate_of("ecdsa")
    files = {"cert": certificate, "key": key, "other": certificate_of("2048")[1], "text": b"nothing"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    path = str(tmp_path) + "/{}"
    for first, second in [("absent", "key"), ("cert", "absent"), ("text", "key"), ("cert", "text"), ("cert", "other")]:
        with pytest.raises(SettingsError):
            Certificate.from_files(path.format(first), path.format(second))
    with pytest.raises(SettingsError):
        Certificate.from_files(path.format("key"), path.format("cert"))


def test_importing_it_does_not_load_openssl() -> None:
    imports = "import sys; from miso.worker.dtls import certificate, transport"
    code = f"{imports}; certificate.Certificate(); sys.exit('OpenSSL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("SimpleNamespace(ffi=real.ffi, lib=None)", "has no SSL_new where it is known to be"),
        ("SimpleNamespace(ffi=WithOtherTypes(), lib=real.lib)", "is 'int(*)()', expected 'SSL *(*)(SSL_CTX *)'"),
    ],
)
def test_an_openssl_of_another_kind_is_refused_before_it_is_called(change: str, said: str) -> None:
    code = f"""
from types import SimpleNamespace
from cryptography.hazmat.bindings import _rust
from miso.worker.dtls import openssl

real = _rust._openssl

class WithOtherTypes:
    def __getattr__(self, name):
        return getattr(real.ffi, name)

    def typeof(self, function):
        return real.ffi.typeof("int(*)()")

_rust._openssl = {change}
openssl.load()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "ImportError" in run.stderr
    assert said in run.stderr
