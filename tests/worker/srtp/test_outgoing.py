"""What a sender may send: indices, SSRCs, keys."""

from __future__ import annotations

import random

import pytest
from pylibsrtp import Policy, Session

from miso.worker.errors import SettingsError
from miso.worker.settings import parse_arguments
from miso.worker.srtp import choice, cipher
from miso.worker.srtp.cipher import SessionKeys
from miso.worker.srtp.outgoing import OutgoingSrtp
from miso.worker.srtp_suite import SrtpSuite
from tests.worker.rtp import packets
from tests.worker.srtp.witness import PROFILES, Libsrtp

SUITE = SrtpSuite.AES_CM_128_HMAC_SHA1_80
KEY = bytes(range(30))


def outgoing(suite: SrtpSuite = SUITE) -> OutgoingSrtp:
    return OutgoingSrtp(SessionKeys(suite, bytes(range(suite.keying_size))), [7, 8])


def packet(number: int, ssrc: int = 7, payload: bytes = b"payload") -> bytes:
    return packets.rtp(number & 0xFFFF, payload, ssrc=ssrc, payload_type=96)


@pytest.mark.parametrize("suite", SrtpSuite)
def test_a_receiver_follows_over_three_rollovers_though_packets_are_sent_again(suite: SrtpSuite) -> None:
    ours = outgoing(suite)
    policy = Policy(bytes(range(suite.keying_size)), Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite])
    receiver = Session(policy)
    for number in range(65_000, 200_000, 211):
        first, late, again = ours.protect([packet(number), packet(number - 900), packet(number)], is_repeat=True)
        assert first is not None
        assert late is not None
        assert first == again
        assert receiver.unprotect(first) == packet(number)


def test_a_packet_that_is_too_old_is_refused_and_leaves_the_index_as_it_is() -> None:
    ours, witness = outgoing(), Libsrtp(SUITE, KEY)
    for number in (3000, 3000 - 1023, 3000 - 1024, 3000 - 40_000, 3001):
        assert ours.protect([packet(number)]) == [witness.protect(packet(number))]
    assert ours.protect([packet(3001 - 1024)]) == [None]


def test_an_index_is_used_once_as_far_back_as_packets_are_taken() -> None:
    """Whatever the order: in steps, leaps past the whole window, and over the end of the numbers."""
    ours, chance, used = outgoing(), random.Random(5), set()
    position, sent = 40_000, 0
    for _ in range(20_000):
        position += chance.choices([1, 3, chance.randint(2, 2000)], [80, 15, 1])[0]
        for index in (position, position - chance.randint(0, 1100)):
            (protected,) = ours.protect([packet(index)])
            assert (protected is not None) == (index not in used and index > position - 1024)
            used.add(index)
            sent += protected is not None
    assert sent > 30_000


def test_a_used_index_is_taken_again_for_the_same_packet_only_when_the_caller_says_so() -> None:
    ours = outgoing()
    (first,) = ours.protect([packet(9)])
    assert ours.protect([packet(9, payload=b"another")]) == [None]
    assert ours.protect([packet(9)], is_repeat=True) == [first]


def test_an_ssrc_that_the_sender_has_not_is_refused() -> None:
    ours, witness = outgoing(), Libsrtp(SUITE, KEY)
    for number in (65_535, 65_536):
        for ssrc in (7, 8):
            assert ours.protect([packet(number, ssrc)]) == [witness.protect(packet(number, ssrc))]
    assert ours.protect([packet(1, 9)]) == [None]
    with pytest.raises(ValueError, match="SSRC 3 is one too many, expected at most 2"):
        OutgoingSrtp(SessionKeys(SUITE, KEY), [1, 2, 3])


def test_packets_protected_together_are_as_if_alone() -> None:
    together, alone = outgoing(), outgoing()
    plain = [packet(number, payload=random.Random(number).randbytes(number * 17)) for number in range(100)]
    assert together.protect(plain) == [alone.protect([each])[0] for each in plain]


def test_another_key_begins_at_index_0() -> None:
    """As a new session of libsrtp does, which the receiver makes at the same time."""
    ours = outgoing()
    ours.protect([packet(65_535), packet(65_536)])
    again = outgoing()
    assert again.protect([packet(5)]) == [Libsrtp(SUITE, KEY).protect(packet(5))]


@pytest.mark.parametrize("data", [b"", b"\x80", packet(1)[:11], b"\x8f" + packet(1)[1:], b"\x90" + packet(1)[1:]])
def test_what_is_no_rtp_is_refused(data: bytes) -> None:
    assert outgoing().protect([data, packet(1)])[0] is None


def test_wrong_lengths_of_keys_and_packets_are_named() -> None:
    with pytest.raises(ValueError, match="SRTP master key has 31 bytes, expected 30"):
        SessionKeys(SUITE, bytes(31))
    with pytest.raises(ValueError, match="SRTP authentication key has 20 bytes, expected 0"):
        SessionKeys(SrtpSuite.AEAD_AES_128_GCM, bytes(16), salt=bytes(12), auth_key=bytes(20))
    with pytest.raises(ValueError, match="packet of 65536 bytes, expected at most 65535"):
        outgoing().protect([bytes(65_536)])


def test_a_cpu_without_aes_can_make_no_keys() -> None:
    try:
        assert cipher.use(choice.SHA | choice.AVX2) == 0
        with pytest.raises(ValueError, match="no instructions for AES"):
            SessionKeys(SUITE, KEY)
    finally:
        cipher.use(choice.allowed_parts())


def test_a_choice_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISO_SRTP", "openssl")
    with pytest.raises(SettingsError, match="expected one of avx512, avx2, sha-ni, aes-ni, libsrtp"):
        choice.allowed_parts()
    monkeypatch.setenv("MISO_SRTP", "libsrtp")
    assert choice.allowed_parts() == 0


def test_the_log_names_what_protects() -> None:
    assert choice.describe(choice.AES | choice.AVX2) == "AES-NI, AVX2"
    assert choice.describe(0) == "libsrtp"


def test_a_worker_does_not_start_with_a_choice_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISO_SRTP", "AVX2")
    with pytest.raises(SettingsError, match="MISO_SRTP is 'AVX2'"):
        parse_arguments([])
