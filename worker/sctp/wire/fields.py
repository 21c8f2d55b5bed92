# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Numbers in bytes, padding, and numbers that wrap (RFC 1982). Whoever calls has looked at the length."""

from __future__ import annotations


def u16(data: bytes, offset: int) -> int:
    """Two bytes in network order."""
    return (data[offset] << 8) | data[offset + 1]


def u32(data: bytes, offset: int) -> int:
    """Four bytes in network order."""
    return (data[offset] << 24) | (data[offset + 1] << 16) | (data[offset + 2] << 8) | data[offset + 3]


def padded(size: int) -> int:
    """The next multiple of four, to which chunks and parameters are padded."""
    return (size + 3) & ~3


def has_reached32(number: int, other: int) -> bool:
    """Whether a number of 32 bits that wraps is ``other`` or comes after it."""
    return (number - other) & 0xFFFFFFFF < 0x80000000


def has_reached16(number: int, other: int) -> bool:
    """The same for 16 bits."""
    return (number - other) & 0xFFFF < 0x8000
