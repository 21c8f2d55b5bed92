"""The HTTPS certificate: the given one, or one made here at first start and kept."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from demo.addresses import local_addresses
from demo.settings import Settings

logger = logging.getLogger(__name__)

LIFETIME = datetime.timedelta(days=397)
"""No longer: Safari refuses certificates that live longer than 398 days."""
RENEW_BEFORE = datetime.timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate chain and its private key, both PEM."""

    chain: Path
    key: Path


def certificate_for(settings: Settings) -> Certificate:
    """The certificate to serve HTTPS with; makes one when none is given and none fits.

    Raises:
        OSError: ``data_dir`` cannot be written, or the given files cannot be read.
    """
    if settings.tls_certificate is not None and settings.tls_key is not None:
        for file in (settings.tls_certificate, settings.tls_key):
            file.read_bytes()  # this error names the file: OpenSSL's does not
        return Certificate(settings.tls_certificate, settings.tls_key)
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *local_addresses()}
    if settings.announced_address is not None:
        names.add(settings.announced_address)
    return self_made(settings.data_dir / "tls", names)


def self_made(folder: Path, names: Iterable[str]) -> Certificate:
    """The certificate in ``folder``, made anew when it is missing, expires soon, or lacks one of the names.

    Args:
        folder: Where ``cert.pem`` and ``key.pem`` are kept; made when missing.
        names: Host names and IP addresses that the certificate must be valid for.
    """
    certificate = Certificate(folder / "cert.pem", folder / "key.pem")
    wanted = set(names)
    known = _valid_names(certificate)
    if wanted <= known:
        return certificate
    # Names of before stay: whoever accepted the certificate under one of them finds it there again.
    _make(certificate, sorted(wanted | known))
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
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
    draft.replace(file)
