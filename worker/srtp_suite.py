"""SRTP protection profiles: their numbers, and how long their keys are."""

from __future__ import annotations

from enum import IntEnum


class SrtpSuite(IntEnum):
    """A profile by its DTLS-SRTP number (RFC 5764 section 4.1.2, RFC 7714 section 14.2)."""

    AES_CM_128_HMAC_SHA1_80 = 0x0001
    AES_CM_128_HMAC_SHA1_32 = 0x0002
    AEAD_AES_128_GCM = 0x0007
    AEAD_AES_256_GCM = 0x0008

    @property
    def key_size(self) -> int:
        """Bytes of the master key (RFC 3711 section 8.2, RFC 7714 section 12)."""
        return 32 if self is SrtpSuite.AEAD_AES_256_GCM else 16

    @property
    def salt_size(self) -> int:
        """Bytes of the master salt, likewise."""
        return 12 if self in (SrtpSuite.AEAD_AES_128_GCM, SrtpSuite.AEAD_AES_256_GCM) else 14

    @property
    def keying_size(self) -> int:
        """Bytes of the master key and the master salt that follows it."""
        return self.key_size + self.salt_size
