"""SRTP protection profiles, by the numbers that control and the plane share."""

from __future__ import annotations

from enum import IntEnum


class SrtpSuite(IntEnum):
    """SRTP protection profiles by their DTLS-SRTP number (RFC 5764 section 4.1.2, RFC 7714 section 14.2)."""

    AES_CM_128_HMAC_SHA1_80 = 0x0001
    AES_CM_128_HMAC_SHA1_32 = 0x0002
    AEAD_AES_128_GCM = 0x0007
    AEAD_AES_256_GCM = 0x0008
