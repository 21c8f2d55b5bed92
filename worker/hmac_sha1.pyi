"""Types of ``hmac_sha1.pyx``: HMAC-SHA1 (RFC 2104)."""

def digest(secret: bytes, message: bytes | bytearray) -> bytes:
    """20 bytes; the secret may be of any size."""

def verify(secret: bytes, message: bytes | bytearray, signature: bytes) -> bool:
    """Whether it is the message's digest; the time that this takes tells nothing of how much of it is right."""
