"""RTMP's handshake (RTMP 1.0, 5.2): three packets each way, and the signed form that Flash made and others kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from enum import Enum

from miso.live.errors import ParseError

VERSION = 3
"""RTMP without encryption; 6, 8 and 9 are RTMPE's."""
PACKET_BYTES = 1536
"""C1, C2, S1 and S2:  time (4) | zero, or a version (4) | random (1528)."""

_DIGEST_BYTES = 32
_DIGEST_OFFSETS = 728
"""The digest begins at one of so many places; the sum of the four bytes before them says at which."""
_SIGNED_BYTES = PACKET_BYTES - _DIGEST_BYTES
_SERVER_VERSION = bytes((4, 5, 0, 1))

_PLAYER_KEY = b"Genuine Adobe Flash Player 001"
_SERVER_KEY = b"Genuine Adobe Flash Media Server 001"
_KEY_END = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")


class Scheme(Enum):
    """Where the signed form has its digest; the value is the position of the four bytes that say it exactly.

    DIGEST_FIRST: In the first half (scheme 0).
    DIGEST_SECOND: In the second half (scheme 1).
    """

    DIGEST_FIRST = 8
    DIGEST_SECOND = 772


def digest_position(packet: bytes | bytearray, scheme: Scheme) -> int:
    """Where the 32 bytes of the digest begin in C1 or S1."""
    start = scheme.value
    return sum(packet[start : start + 4]) % _DIGEST_OFFSETS + start + 4


def digest(packet: bytes | bytearray, position: int, key: bytes) -> bytes:
    """HMAC-SHA256 of C1 or S1 without the digest at that position."""
    return _hmac(key, bytes(packet[:position] + packet[position + _DIGEST_BYTES :]))


class ServerHandshake:
    """The server's side. It answers as soon as C1 is there; C2 is not looked at, because encoders send anything.

    Attributes:
        is_done: C2 has come, too; what follows are chunks.
        scheme: How the client signed C1; None: it did not, or wrongly, and is answered in the simple form.

    Args:
        random: Gives so many bytes that nobody can guess.
    """

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.is_done = False
        self.scheme: Scheme | None = None
        self._random = random
        self._answered = False

    def receive(self, buffer: bytearray) -> bytes:
        """Takes what it understands from the buffer's front; returns what is to be sent.

        Raises:
            ParseError: The client wants another version of the protocol.
        """
        answer = b""
        if buffer:
            if not self._answered:
                _check_version(buffer[0], "client")
            if not self._answered and len(buffer) > PACKET_BYTES:
                answer = bytes((VERSION,)) + self._answer(bytes(buffer[1 : PACKET_BYTES + 1]))
                del buffer[: PACKET_BYTES + 1]
                self._answered = True
            if self._answered and len(buffer) >= PACKET_BYTES:
                del buffer[:PACKET_BYTES]
                self.is_done = True
        return answer

    def _answer(self, c1: bytes) -> bytes:
        """S1 and S2."""
        client_digest = self._find_digest(c1)
        if self.scheme is None:
            return bytes(8) + self._random(PACKET_BYTES - 8) + c1[:4] + bytes(4) + c1[8:]
        s1 = bytearray(bytes(4) + _SERVER_VERSION + self._random(PACKET_BYTES - 8))
        position = digest_position(s1, self.scheme)
        s1[position : position + _DIGEST_BYTES] = digest(s1, position, _SERVER_KEY)
        random = self._random(_SIGNED_BYTES)
        return bytes(s1) + random + _hmac(_hmac(_SERVER_KEY + _KEY_END, client_digest), random)

    def _find_digest(self, c1: bytes) -> bytes:
        if any(c1[4:8]):  # zero: the simple form
            for scheme in Scheme:
                position = digest_position(c1, scheme)
                found = c1[position : position + _DIGEST_BYTES]
                if hmac.compare_digest(found, digest(c1, position, _PLAYER_KEY)):
                    self.scheme = scheme
                    return found
        return b""


class ClientHandshake:
    """The client's side, in the simple form.

    Attributes:
        is_done: S2 has come; what follows are chunks.
    """

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.is_done = False
        self._random = random

    def begin(self) -> bytes:
        """C0 and C1."""
        return bytes((VERSION,)) + bytes(8) + self._random(PACKET_BYTES - 8)

    def receive(self, buffer: bytearray) -> bytes:
        """Takes S0, S1 and S2 from the buffer's front once they are there; returns C2.

        Raises:
            ParseError: The server speaks another version of the protocol.
        """
        if buffer:
            _check_version(buffer[0], "server")
        if len(buffer) < 1 + 2 * PACKET_BYTES:
            return b""
        s1 = bytes(buffer[1 : 1 + PACKET_BYTES])
        del buffer[: 1 + 2 * PACKET_BYTES]
        self.is_done = True
        return s1


def _check_version(version: int, who: str) -> None:
    if version != VERSION:
        raise ParseError(f"RTMP version of the {who} is {version}, expected {VERSION}")


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)
