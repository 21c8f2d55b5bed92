"""What all boxes of MP4 begin with (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

HEADER_SIZE = 8
_FULL_HEADER_SIZE = 4
_MAX_SIZE = (1 << 32) - 1


def box(name: str, *contents: bytes) -> bytes:
    """A box with that four-character name.

    Raises:
        ValueError: It is larger than its 32-bit size says.
    """
    size = HEADER_SIZE + sum(len(part) for part in contents)
    if size > _MAX_SIZE:
        raise ValueError(f"box {name} has {size} bytes, expected at most {_MAX_SIZE}")
    return b"".join((size.to_bytes(4, "big"), name.encode("latin-1"), *contents))


def full_box(name: str, version: int, flags: int, *contents: bytes) -> bytes:
    """A box that begins with a version and 24 flags."""
    return box(name, (version << 24 | flags).to_bytes(_FULL_HEADER_SIZE, "big"), *contents)
