"""Files of TLS certificates: given ones are looked at, or one is made here at first start and kept.

Takes 7 MB: imported by who has a certificate.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import logging
import os
import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from miso.serving.certificate import Certificate, CertificateError

logger = logging.getLogger(__name__)

LIFETIME = datetime.timedelta(days=397)
"""No longer: Safari refuses certificates that live longer than 398 days."""
MIN_RSA_BITS = 2048
"""OpenSSL's security level 2 and browsers refuse less."""
RENEW_BEFORE = datetime.timedelta(days=14)


def given(use: str, chain: Path, key: Path) -> Certificate:
    """Somebody's own certificate, looked at first: what OpenSSL says of it later names no file.

    Args:
        use: "tls" or "dtls", as the settings are named.
        chain: A PEM file, the certificate first.
        key: A PEM file without a passphrase.

    Raises:
        CertificateError: They cannot be read, are something else, or do not belong together.
    """
    certificate_setting, key_setting = f"--{use}-certificate {chain}", f"--{use}-key {key}"
    try:
        parsed = x509.load_pem_x509_certificates(_read(chain, certificate_setting))[0]
    except ValueError:
        raise CertificateError(f"{certificate_setting}: the file holds no PEM certificate") from None
    try:
        private = serialization.load_pem_private_key(_read(key, key_setting), None)
    except TypeError:
        raise CertificateError(f"{key_setting}: the key is encrypted, give one without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"{key_setting}: the file holds no PEM private key that can be used") from None
    if parsed.public_key() != private.public_key():
        raise CertificateError(f"{key_setting}: the key does not belong to the certificate of {chain}")
    _check_strength(private, parsed, key_setting, certificate_setting, key)
    now = datetime.datetime.now(datetime.UTC)
    if parsed.not_valid_after_utc < now:
        logger.warning("%s: expired on %s, renew it", certificate_setting, parsed.not_valid_after_utc.date())
    if parsed.not_valid_before_utc > now:
        logger.warning("%s: not valid before %s", certificate_setting, parsed.not_valid_before_utc)
    return Certificate(chain, key)


def _check_strength(
    private: object, parsed: x509.Certificate, key_setting: str, certificate_setting: str, key: Path
) -> None:
    """Says in time what OpenSSL and browsers refuse, and in their words what that is about.

    Raises:
        CertificateError: The key is too small or of a kind that is not used any more, or OpenSSL refuses the pair.
    """
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < MIN_RSA_BITS:
        raise CertificateError(
            f"{key_setting}: the RSA key has {private.key_size} bits, at least {MIN_RSA_BITS} are needed: make a new "
            "key and have its certificate issued anew"
        )
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise CertificateError(f"{key_setting}: the key is neither RSA nor elliptic curve, which TLS needs")
    chain = Path(certificate_setting.partition(" ")[2])
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        raise CertificateError(f"{certificate_setting}: OpenSSL refuses it with {key}: {reason}") from None


def names_in(chain: Path) -> list[str]:
    """The host names of a certificate that was looked at before; none when it names only addresses."""
    try:
        parsed = x509.load_pem_x509_certificate(chain.read_bytes())
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return []
    return names.get_values_for_type(x509.DNSName)


def _read(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateError(f"{setting}: {error.strerror}") from None


def self_made(folder: Path, names: Iterable[str]) -> Certificate:
    """The certificate in ``folder``, made anew when it is missing, expires soon, or lacks one of the names.

    Args:
        folder: Where ``cert.pem`` and ``key.pem`` are kept; made when missing.
        names: Host names and IP addresses that the certificate must be valid for.

    Raises:
        CertificateError: It cannot be written.
    """
    certificate = Certificate(folder / "cert.pem", folder / "key.pem")
    wanted = set(names)
    known = _valid_names(certificate)
    if wanted <= known:
        return certificate
    # Names of before stay: whoever accepted the certificate under one of them finds it there again.
    try:
        _make(certificate, sorted(wanted | known))
    except OSError as error:
        file = error.filename or folder
        raise CertificateError(
            f"cannot write {file}: {error.strerror}; make room or choose another --data-dir, "
            "or give a certificate with --tls-certificate and --tls-key"
        ) from None
    logger.info("made a certificate for %s: %s", ", ".join(sorted(wanted)), certificate.chain)
    return certificate


def _valid_names(certificate: Certificate) -> set[str]:
    """The names of a certificate that is there, has its key, and does not expire soon."""
    try:
        parsed = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
        key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return set()
    if parsed.not_valid_after_utc - RENEW_BEFORE < datetime.datetime.now(datetime.UTC):
        return set()
    if parsed.public_key() != key.public_key():
        return set()
    addresses = names.get_values_for_type(x509.IPAddress)
    return {*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)}


def _make(certificate: Certificate, names: Iterable[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Miso demo")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate.chain.parent.mkdir(parents=True, exist_ok=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(certificate.key, private, mode=0o600)
    _write(certificate.chain, signed.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(file: Path, content: bytes, *, mode: int) -> None:
    """Replaces a file at once: a start that is interrupted leaves the old one or the new one."""
    draft = file.with_suffix(".new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(content)
        draft.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from None  # a full disk's error names no file
