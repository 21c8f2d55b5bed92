"""The SRTP protection profiles that a handshake may agree on (RFC 5764 section 4.1.2, RFC 7714)."""

from __future__ import annotations

from dataclasses import dataclass

from miso.worker.srtp_suite import SrtpSuite


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
