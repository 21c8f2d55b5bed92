"""HMAC-SHA1 beside Python's own, and the vectors of RFC 2202."""

from __future__ import annotations

import hmac

import pytest

from miso.worker import hmac_sha1

VECTORS = [  # https://www.rfc-editor.org/rfc/rfc2202.html#section-3
    (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    (bytes(range(1, 26)), b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
    (b"\x0c" * 20, b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
    (
        b"\xaa" * 80,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "aa4ae5e15272d00e95705637ce8a3b55ed402112",
    ),
    (
        b"\xaa" * 80,
        b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
        "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
    ),
]


@pytest.mark.parametrize(("secret", "message", "expected"), VECTORS)
def test_the_vectors_of_the_rfc(secret: bytes, message: bytes, expected: str) -> None:
    assert hmac_sha1.digest(secret, message).hex() == expected


def test_sizes_around_those_of_blocks() -> None:
    for size in (*range(200), 65_535):
        message, secret = bytes(index & 0xFF for index in range(size)), b"s" * (size % 150)
        expected = hmac.digest(secret, message, "sha1")
        assert hmac_sha1.digest(secret, message) == hmac_sha1.digest(secret, bytearray(message)) == expected
        assert hmac_sha1.verify(secret, message, expected)


@pytest.mark.parametrize("place", range(20))
def test_a_signature_with_another_bit_is_wrong(place: int) -> None:
    right = hmac_sha1.digest(b"secret", b"message")
    wrong = bytearray(right)
    wrong[place] ^= 1 << place % 8
    assert hmac_sha1.verify(b"secret", b"message", right)
    assert not hmac_sha1.verify(b"secret", b"message", bytes(wrong))


@pytest.mark.parametrize("size", [0, 19, 21])
def test_a_signature_of_another_size_is_wrong(size: int) -> None:
    assert not hmac_sha1.verify(b"secret", b"message", (hmac_sha1.digest(b"secret", b"message") * 2)[:size])
