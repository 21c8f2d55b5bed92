"""What a TLS certificate is to who serves with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class CertificateError(Exception):
    """Files are of no use, or cannot be written; the text names the setting, the file, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate chain and its private key, both PEM."""

    chain: Path
    key: Path
