"""The test vectors of RFC 3711 appendix B, RFC 7714 section 16 and RFC 2202, with each code."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from miso.worker.srtp.cipher import SessionKeys, derive
from miso.worker.srtp.outgoing import OutgoingSrtp
from miso.worker.srtp_suite import SrtpSuite

CM = SrtpSuite.AES_CM_128_HMAC_SHA1_80
GAUL = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"


def test_keystream_of_aes_in_counter_mode(code: str) -> None:
    """RFC 3711 section B.2: SSRC, rollover counter and sequence number are 0."""
    keys = SessionKeys(
        CM,
        bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"),
        salt=bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd"),
        auth_key=bytes(20),
    )
    (packet,) = OutgoingSrtp(keys, [0]).protect([bytes([0x80]) + bytes(11 + 48)])
    assert packet is not None
    assert packet[12:-10].hex() == (
        "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0"
    )


def test_session_keys_of_a_master_key() -> None:
    """RFC 3711 section B.3."""
    key, salt, auth_key = derive(CM, bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"))
    assert key.hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert salt.hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert auth_key.hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        (
            SrtpSuite.AEAD_AES_128_GCM,  # section 16.1.1
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
            "899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            SrtpSuite.AEAD_AES_256_GCM,  # section 16.2.1
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
            "7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ],
)
def test_packets_under_aes_gcm(code: str, suite: SrtpSuite, expected: str) -> None:
    """RFC 7714 section 16."""
    keys = SessionKeys(suite, bytes(range(suite.key_size)), salt=b"Quid pro quo")
    assert OutgoingSrtp(keys, [0x5501A0B2]).protect([GAUL]) == [GAUL[:12] + bytes.fromhex(expected)]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 8, 9, 16, 17, 48, 64])
def test_tags_of_many_packets_of_all_lengths_at_once(code: str, count: int) -> None:
    """HMAC-SHA1 of Python's own library over the packet and the rollover counter (RFC 3711 section 4.2)."""
    auth_key = bytes(range(1, 21))
    ours = OutgoingSrtp(SessionKeys(CM, bytes(16), salt=bytes(14), auth_key=auth_key), [0])
    packets = [bytes([0x80, 96, 0, number]) + bytes(8) + bytes(number * 29) for number in range(count)]
    for packet in ours.protect(packets):
        assert packet is not None
        assert packet[-10:] == hmac.new(auth_key, packet[:-10] + bytes(4), hashlib.sha1).digest()[:10]
