"""Fingerprints of certificates, by which the signaling says who the peer is (RFC 8122)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import hashlib

FINGERPRINT_ALGORITHMS = ("sha-1", "sha-224", "sha-256", "sha-384", "sha-512")

_HASH_NAMES = {algorithm: algorithm.replace("-", "") for algorithm in FINGERPRINT_ALGORITHMS}


class Fingerprint(msgspec.Struct, frozen=True):
    """The hash of a certificate: algorithm as in FINGERPRINT_ALGORITHMS, value "AB:CD:…" (RFC 8122 section 5)."""

    algorithm: str
    value: str


def fingerprint_of(certificate_der: bytes, algorithm: str) -> Fingerprint:
    """The hash of a certificate in the form of SDP. Raises KeyError for an algorithm not in FINGERPRINT_ALGORITHMS."""
    return Fingerprint(algorithm, _hash(algorithm)(certificate_der).digest().hex(":").upper())


@cache
def _hash(algorithm: str) -> Callable[[bytes], hashlib._Hash]:
    import hashlib  # loads the system's OpenSSL, 3 MB, as ``hmac`` does

    made: Callable[[bytes], hashlib._Hash] = getattr(hashlib, _HASH_NAMES[algorithm])
    return made
