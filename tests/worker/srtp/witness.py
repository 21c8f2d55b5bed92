"""libsrtp as the witness of our own SRTP: the same random packets, protected and opened by both."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]

from miso.worker.srtp.cipher import SessionKeys
from miso.worker.srtp.incoming import IncomingSrtp
from miso.worker.srtp.outgoing import OutgoingSrtp
from miso.worker.srtp.srtcp import OutgoingSrtcp
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
    """A session as the plane makes them: what goes out may be sent again."""

    def __init__(self, suite: SrtpSuite, key: bytes, *, inbound: bool = False) -> None:
        ssrcs = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
        policy = Policy(key=key, ssrc_type=ssrcs, srtp_profile=PROFILES[suite])
        policy.allow_repeat_tx = True
        policy.window_size = WINDOW
        self._session = Session(policy)
        self._buffer = ffi.new("char[]", MAX_SIZE + 200)  # pylibsrtp's own holds 1,356 bytes
        self._size = ffi.new("int *")

    def protect(self, packet: bytes, *, is_rtcp: bool = False) -> bytes | None:
        """The packet as it goes out; None when libsrtp refuses it."""
        return self._do(lib.srtp_protect_rtcp if is_rtcp else lib.srtp_protect, packet)

    def open(self, packet: bytes, *, is_rtcp: bool = False) -> bytes | None:
        """The packet as it was before; None when libsrtp refuses it."""
        return self._do(lib.srtp_unprotect_rtcp if is_rtcp else lib.srtp_unprotect, packet)

    def _do(self, function: Callable[..., int], packet: bytes) -> bytes | None:
        ffi.memmove(self._buffer, packet, len(packet))
        self._size[0] = len(packet)
        if function(self._session._srtp[0], self._buffer, self._size) != 0:
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


Compared = tuple[bytes, bytes | None, bytes | None]
"""A packet, what libsrtp made of it, and what we made of it; None: it was refused."""


def compare(suite: SrtpSuite, count: int, seed: int) -> Iterator[Compared]:
    """Protects packets by both, ours up to 64 together; gives each with what both made of it."""
    chance = random.Random(seed)
    while count > 0:
        key = chance.randbytes(suite.keying_size)
        sender, witness = RandomSender(chance), Libsrtp(suite, key)
        ours = OutgoingSrtp(SessionKeys(suite, key), sender.last)
        left = min(count, SESSION_LENGTH)
        count -= left
        while left > 0:
            packets = [sender.packet() for _ in range(min(left, chance.randint(1, 64)))]
            left -= len(packets)
            yield from zip(packets, map(witness.protect, packets), ours.protect(packets, is_repeat=True), strict=True)


def make_incoming(suite: SrtpSuite, key: bytes) -> IncomingSrtp:
    """Ours, with all keys of a master key."""
    return IncomingSrtp(SessionKeys(suite, key), SessionKeys(suite, key, rtcp=True))


def compare_opened(suite: SrtpSuite, count: int, seed: int, *, is_rtcp: bool = False) -> Iterator[Compared]:
    """Opens, by both, what libsrtp has protected: lost, late, repeated, cut and forged packets among them."""
    chance = random.Random(seed)
    while count > 0:
        key = chance.randbytes(suite.keying_size)
        sender: RandomSender | RandomReporter = RandomReporter(chance) if is_rtcp else RandomSender(chance)
        protecting, witness = Libsrtp(suite, key), Libsrtp(suite, key, inbound=True)
        ours = make_incoming(suite, key)
        left = min(count, SESSION_LENGTH)
        count -= left
        sent: list[bytes] = []
        while left > 0:
            protected = protecting.protect(sender.packet(), is_rtcp=is_rtcp)
            if protected is None:
                continue
            sent.append(protected)
            if chance.random() < 0.1:  # later, or never
                continue
            for packet in _arrivals(chance, sent):
                left -= 1
                yield packet, witness.open(packet, is_rtcp=is_rtcp), ours.open(packet, is_rtcp=is_rtcp)


def _arrivals(chance: random.Random, sent: list[bytes]) -> Iterator[bytes]:
    yield sent[-1]
    if chance.random() < 0.2:
        yield sent[-chance.randint(1, min(len(sent), 200))]
    if chance.random() < 0.05:
        forged = bytearray(chance.choice(sent))
        forged[chance.randrange(len(forged))] ^= 1 << chance.randrange(8)
        yield bytes(forged)
    if chance.random() < 0.05:
        packet = chance.choice(sent)
        yield packet[: chance.randint(0, len(packet) - 1)]


def compare_rtcp(suite: SrtpSuite, count: int, seed: int) -> Iterator[Compared]:
    """Protects RTCP by both; of one SSRC, since we number those of all together."""
    chance = random.Random(seed)
    while count > 0:
        key = chance.randbytes(suite.keying_size)
        reporter, witness = RandomReporter(chance, ssrcs=1), Libsrtp(suite, key)
        ours = OutgoingSrtcp(SessionKeys(suite, key, rtcp=True))
        for _ in range(min(count, SESSION_LENGTH)):
            packet = reporter.packet()
            yield packet, witness.protect(packet, is_rtcp=True), ours.protect(packet)
        count -= SESSION_LENGTH


class RandomReporter:
    """Compounds of RTCP of a few SSRCs, of all lengths, also odd ones, none of which is shorter than a header."""

    def __init__(self, chance: random.Random, ssrcs: int = 3) -> None:
        self._chance = chance
        self._ssrcs = [chance.randbytes(4) for _ in range(ssrcs)]

    def packet(self) -> bytes:
        """The next one."""
        words = self._chance.choices([0, self._chance.randint(0, 30), self._chance.randint(0, 400)], [1, 8, 2])[0]
        header = bytes([0x80, self._chance.randint(200, 207), (words + 1) >> 8, (words + 1) & 0xFF])
        odd = self._chance.choice([0, 0, 0, 1, 2, 3])
        return header + self._chance.choice(self._ssrcs) + self._chance.randbytes(4 * words + odd)
