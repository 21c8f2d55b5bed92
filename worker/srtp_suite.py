"""SRTP protection profiles: their numbers, and how long their keys are."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class SrtpSuite(IntEnum):
    """A profile by its DTLS-SRTP number (RFC 5764 section 4.1.2, RFC 7714 section 14.2).

    Attributes:
        key_size: Bytes of the master key (RFC 3711 section 8.2, RFC 7714 section 12).
        salt_size: Bytes of the master salt, likewise.
        keying_size: Bytes of the master key and the master salt that follows it.
    """

    key_size: int
    salt_size: int
    keying_size: int

    AES_CM_128_HMAC_SHA1_80 = 0x0001, 16, 14
    AES_CM_128_HMAC_SHA1_32 = 0x0002, 16, 14
    AEAD_AES_128_GCM = 0x0007, 16, 12
    AEAD_AES_256_GCM = 0x0008, 32, 12

    def __new__(cls, number: int, key_size: int, salt_size: int) -> Self:
        """A member, with its sizes."""
        suite = int.__new__(cls, number)
        suite._value_ = number
        suite.key_size, suite.salt_size, suite.keying_size = key_size, salt_size, key_size + salt_size
        return suite

    def check(self, key: bytes) -> None:
        """Raises ValueError when ``key`` is not a master key followed by its salt, of these lengths."""
        if len(key) != self.keying_size:
            raise ValueError(f"SRTP key of {self.name} has {len(key)} bytes, expected {self.keying_size}")
