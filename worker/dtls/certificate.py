"""The certificate and key of a worker, and the OpenSSL context that all handshakes share.

OpenSSL and cryptography are imported when they are first needed: they take 70 ms, and a worker has to start quickly.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from miso.worker.dtls import openssl
from miso.worker.dtls.fingerprint import FINGERPRINT_ALGORITHMS, Fingerprint, fingerprint_of
from miso.worker.dtls.srtp_profiles import SRTP_PROFILES
from miso.worker.errors import SettingsError

# AES-128 first: P-256 and X25519 have no more than 128 bits either, and with it comes SHA-256, for which CPUs have
# instructions. Fingerprints authenticate, not the signature or the length of a self-signed certificate, hence level 1.
_CIPHERS = b"ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:@SECLEVEL=1"


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
    def context(self) -> openssl.Context:
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
        # Of the 50 kB that OpenSSL holds for a connection in buffers, most are of no use once the handshake is over.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_tlsext_use_srtp(":".join(profile.openssl_name for profile in SRTP_PROFILES).encode())
        return openssl.Context(context)

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
