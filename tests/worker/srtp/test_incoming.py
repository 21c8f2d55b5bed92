"""What a transport takes of its peer: indices, SSRCs, forged packets; and RTCP both ways."""

from __future__ import annotations

import ctypes
import gc
import hmac
import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from miso.worker.srtp.cipher import SessionKeys, derive
from miso.worker.srtp.incoming import IncomingSrtp
from miso.worker.srtp.outgoing import OutgoingSrtp
from miso.worker.srtp.srtcp import OutgoingSrtcp
from miso.worker.srtp_suite import SrtpSuite
from tests.worker.rtp import packets
from tests.worker.srtp.witness import Libsrtp, make_incoming

SSRCS = (7, 8)
AES_GCM = (SrtpSuite.AEAD_AES_128_GCM, SrtpSuite.AEAD_AES_256_GCM)
REPORT = bytes.fromhex("80c8000600000007") + bytes(range(20))


class Allocated(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Allocated


class Pair:
    """A sender and who opens what it sends."""

    def __init__(self, suite: SrtpSuite) -> None:
        self.suite = suite
        key = random.Random(suite.value).randbytes(suite.keying_size)
        self._sender = OutgoingSrtp(SessionKeys(suite, key), SSRCS)
        self.rtcp = OutgoingSrtcp(SessionKeys(suite, key, rtcp=True))
        self.incoming = make_incoming(suite, key)

    def protect(self, number: int, ssrc: int = 7) -> bytes:
        (protected,) = self._sender.protect([packet(number, ssrc)], is_repeat=True)
        assert protected is not None
        return protected

    def report(self) -> bytes:
        protected = self.rtcp.protect(REPORT)
        assert protected is not None
        return protected


def packet(number: int, ssrc: int = 7) -> bytes:
    return packets.rtp(number & 0xFFFF, b"payload", ssrc=ssrc, payload_type=96)


@pytest.fixture(params=SrtpSuite, ids=lambda suite: suite.name)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


def test_a_stream_is_followed_over_rollovers_though_packets_are_lost_late_and_repeated(pair: Pair) -> None:
    for number in range(65_000, 200_000, 211):
        late, first = pair.protect(number - 900), pair.protect(number)
        assert pair.incoming.open(first) == packet(number)
        assert pair.incoming.open(late) == packet(number - 900)
        assert pair.incoming.open(first) is None
        assert pair.incoming.open(late) is None


def test_what_is_older_than_the_window_is_refused(pair: Pair) -> None:
    too_old, old, newest = (pair.protect(3000 - behind) for behind in (1024, 1023, 0))
    assert pair.incoming.open(newest) is not None
    assert pair.incoming.open(too_old) is None
    assert pair.incoming.open(old) is not None


def test_each_bit_counts_and_a_forged_packet_changes_nothing(pair: Pair) -> None:
    protected, report = pair.protect(1), pair.report()
    for data, is_rtcp in ((protected, False), (report, True)):
        for bit in range(8 * len(data)):
            forged = bytearray(data)
            forged[bit // 8] ^= 1 << bit % 8
            assert pair.incoming.open(bytes(forged), is_rtcp=is_rtcp) is None
        for size in range(len(data)):
            assert pair.incoming.open(data[:size], is_rtcp=is_rtcp) is None
    assert not pair.incoming.is_known(7)
    assert pair.incoming.open(protected) == packet(1)
    assert pair.incoming.open(report, is_rtcp=True) == REPORT
    assert pair.incoming.is_known(7)


def test_ssrcs_are_counted_apart(pair: Pair) -> None:
    for number in (65_535, 65_536):
        for ssrc in SSRCS:
            assert pair.incoming.open(pair.protect(number, ssrc)) == packet(number, ssrc)


def test_rtcp_may_come_late_but_not_twice(pair: Pair) -> None:
    reports = [pair.report() for _ in range(300)]
    assert pair.incoming.open(reports[200], is_rtcp=True) == REPORT
    assert pair.incoming.open(reports[200], is_rtcp=True) is None
    assert pair.incoming.open(reports[72], is_rtcp=True) is None  # 128 behind
    for index in range(200, 72, -1):
        assert (pair.incoming.open(reports[index], is_rtcp=True) is None) == (index == 200)
    assert pair.incoming.open(reports[299], is_rtcp=True) == REPORT
    assert pair.incoming.open(reports[201], is_rtcp=True) == REPORT
    assert pair.incoming.open(reports[171], is_rtcp=True) is None


@pytest.mark.parametrize("size", [8, 9, 20, 28, 31, 400])
@pytest.mark.parametrize("index", [0, 1, 0x7FFFFFFF])
@pytest.mark.parametrize("suite", SrtpSuite)
def test_rtcp_in_clear_is_taken_under_aes_gcm_alone(code: str, suite: SrtpSuite, index: int, size: int) -> None:
    """RFC 7714 section 9.3; and as by libsrtp, which refuses it under AES_CM, genuine or not."""
    key = random.Random(size).randbytes(suite.keying_size)
    report = REPORT[:8] + random.Random(index).randbytes(size - 8)
    protected = in_clear(suite, key, report, index)
    expected = report if suite in AES_GCM else None
    for opener in (make_incoming(suite, key), Libsrtp(suite, key, inbound=True)):
        for at in range(len(protected)):
            forged = bytearray(protected)
            forged[at] ^= 1
            assert opener.open(bytes(forged), is_rtcp=True) is None
        assert opener.open(protected, is_rtcp=True) == expected
        assert opener.open(protected, is_rtcp=True) is None


def in_clear(suite: SrtpSuite, key: bytes, report: bytes, index: int) -> bytes:
    """RTCP that is authenticated only; that of AES_CM is made as RFC 3711 section 3.4 says."""
    encryption, salt, auth = derive(suite, key, rtcp=True)
    word = index.to_bytes(4, "big")
    if suite not in AES_GCM:
        return report + word + hmac.digest(auth, report + word, "sha1")[:10]
    nonce = bytes(a ^ b for a, b in zip(bytes(2) + report[4:8] + bytes(2) + word, salt, strict=True))
    return report + AESGCM(encryption).encrypt(nonce, b"", report + word) + word


def test_what_is_known_goes_with_who_knows_it(pair: Pair) -> None:
    """Also when the garbage collector finds it: of that nothing but its own memory is there at its end."""
    protected = [pair.protect(1, ssrc) for ssrc in SSRCS]
    before = 0
    for turn in range(2):
        for _ in range(5_000):
            circle: list[object] = [incoming := Pair(pair.suite).incoming]
            circle.append(circle)
            assert all(incoming.open(packet) for packet in protected)
        del circle, incoming
        gc.collect()
        used = allocated_bytes()
        assert turn == 0 or used - before < 5_000 * 100
        before = used


def allocated_bytes() -> int:
    """What malloc has given and not got back."""
    return int(mallinfo2().uordblks)


def test_rtcp_without_a_whole_header_is_not_sent(pair: Pair) -> None:
    assert pair.rtcp.protect(REPORT[:7]) is None
    assert pair.rtcp.protect(bytes(65_536)) is None
    assert pair.rtcp.protect(REPORT[:8]) is not None


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        (
            SrtpSuite.AEAD_AES_128_GCM,  # section 17.1
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b46"
            "86303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
        ),
        (
            SrtpSuite.AEAD_AES_256_GCM,  # section 17.3
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658"
            "c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
        ),
    ],
)
def test_rtcp_under_aes_gcm(code: str, suite: SrtpSuite, expected: str) -> None:
    """RFC 7714 section 17: the packet with index 0x5d4."""
    plain = bytes.fromhex(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
    )
    keys = SessionKeys(suite, bytes(range(suite.key_size)), rtcp=True, salt=b"Quid pro quo")
    sender = OutgoingSrtcp(keys)
    for _ in range(0x5D4):
        protected = sender.protect(plain)
    assert protected is not None
    assert protected.hex() == expected
    assert IncomingSrtp(keys, keys).open(protected, is_rtcp=True) == plain
