"""libsrtp as the witness of our own SRTP: the same random packets, protected by both."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]

from miso.worker.srtp.cipher import OutgoingKeys
from miso.worker.srtp.outgoing import OutgoingSrtp
from miso.worker.srtp_suite import SrtpSuite

PROFILES = {
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpSuite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    SrtpSuite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpSuite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
WINDOW = 1024
MAX_SIZE = 2000
SESSION_LENGTH = 400  # packets, about: then other keys come


class Libsrtp:
    """An outgoing session as the plane makes them: a packet may be sent again."""

    def __init__(self, suite: SrtpSuite, key: bytes) -> None:
        policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite])
        policy.allow_repeat_tx = True
        policy.window_size = WINDOW
        self._session = Session(policy)
        self._buffer = ffi.new("char[]", MAX_SIZE + 200)  # pylibsrtp's own holds 1,356 bytes
        self._size = ffi.new("int *")

    def protect(self, packet: bytes) -> bytes | None:
        """The packet as it goes out; None when libsrtp refuses it."""
        ffi.memmove(self._buffer, packet, len(packet))
        self._size[0] = len(packet)
        if lib.srtp_protect(self._session._srtp[0], self._buffer, self._size) != 0:
            return None
        return bytes(ffi.buffer(self._buffer, self._size[0]))


@dataclass
class RandomSender:
    """Packets of one or two SSRCs, whose numbers mostly go on, but also repeat, fall behind, leap and begin again."""

    chance: random.Random
    last: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for _ in range(self.chance.randint(1, 2)):
            first = self.chance.choice([0, 1, 65_000, 65_535, self.chance.getrandbits(16)])
            self.last[self.chance.getrandbits(32)] = first

    def packet(self) -> bytes:
        """The next one; one of a hundred is shorter than its header says."""
        chance = self.chance
        ssrc = chance.choice(list(self.last))
        step = chance.choices([1, 0, chance.randint(-1100, 1100), chance.randint(-40_000, 40_000)], [80, 4, 12, 4])[0]
        number = (self.last[ssrc] + step) & 0xFFFF
        if step & 0xFFFF < 0x8000:  # it was ahead
            self.last[ssrc] = number
        csrcs = chance.choices([0, chance.randint(1, 15)], [9, 1])[0]
        header = bytes([0x80 | csrcs, chance.getrandbits(8)]) + number.to_bytes(2, "big") + chance.randbytes(4)
        header += ssrc.to_bytes(4, "big") + chance.randbytes(4 * csrcs)
        if chance.random() < 0.5:
            words = chance.randint(0, 8)
            header = bytes([header[0] | 0x10]) + header[1:] + b"\xbe\xde" + words.to_bytes(2, "big")
            header += chance.randbytes(4 * words)
        size = chance.choices([0, chance.randint(1, 70), chance.randint(1, 1840)], [1, 9, 20])[0]
        packet = (header + chance.randbytes(size))[:MAX_SIZE]
        return packet[: chance.randint(0, len(header) - 1)] if chance.random() < 0.01 else packet


def compare(suite: SrtpSuite, count: int, seed: int) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """Protects packets by both, ours up to 64 together; gives each with what both made of it."""
    chance = random.Random(seed)
    while count > 0:
        key = chance.randbytes(suite.keying_size)
        sender, witness = RandomSender(chance), Libsrtp(suite, key)
        ours = OutgoingSrtp(OutgoingKeys(suite, key), sender.last)
        left = min(count, SESSION_LENGTH)
        count -= left
        while left > 0:
            packets = [sender.packet() for _ in range(min(left, chance.randint(1, 64)))]
            left -= len(packets)
            yield from zip(packets, map(witness.protect, packets), ours.protect(packets, is_repeat=True), strict=True)
