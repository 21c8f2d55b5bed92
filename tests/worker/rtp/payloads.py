"""Payloads with the descriptors that VP8 and VP9 encoders write, and frame-marking extensions."""

from __future__ import annotations


def _picture_id(value: int, bits: int) -> bytes:
    return bytes([value & 0x7F]) if bits == 7 else (0x8000 | value & 0x7FFF).to_bytes(2, "big")


def vp8(
    *,
    picture_id: int | None = None,
    bits: int = 15,
    tl0: int | None = None,
    temporal: int | None = None,
    sync: bool = False,
    key_index: int | None = None,
    key: bool = False,
    begins: bool = True,
    size: int = 20,
) -> bytes:
    """RFC 7741 section 4.2; ``size`` bytes of VP8 follow."""
    flags = (
        (0x80 if picture_id is not None else 0)
        | (0x40 if tl0 is not None else 0)
        | (0x20 if temporal is not None else 0)
        | (0x10 if key_index is not None else 0)
    )
    result = bytes([(0x80 if flags else 0) | (0x10 if begins else 0)])
    if flags:
        result += bytes([flags])
    if picture_id is not None:
        result += _picture_id(picture_id, bits)
    if tl0 is not None:
        result += bytes([tl0 & 0xFF])
    if flags & 0x30:
        result += bytes([(temporal or 0) << 6 | sync << 5 | (key_index or 0) & 0x1F])
    return result + bytes([0 if key else 1]) + bytes(size - 1)


def vp9(
    *,
    picture_id: int | None = None,
    bits: int = 15,
    spatial: int = 0,
    temporal: int = 0,
    up: bool = False,
    inter_picture: bool = True,
    inter_layer: bool = False,
    begins: bool = True,
    ends: bool = True,
    tl0: int = 0,
    size: int = 20,
) -> bytes:
    """RFC 9628 section 4.2 in non-flexible mode, with layer indices; ``size`` bytes of VP9 follow."""
    result = bytes(
        [
            (0x80 if picture_id is not None else 0)
            | (0x40 if inter_picture else 0)
            | 0x20
            | (0x08 if begins else 0)
            | (0x04 if ends else 0)
        ]
    )
    if picture_id is not None:
        result += _picture_id(picture_id, bits)
    return result + bytes([temporal << 5 | up << 4 | spatial << 1 | inter_layer, tl0 & 0xFF]) + bytes(size)


def h264(*, key: bool = False, size: int = 20) -> bytes:
    """A sequence parameter set, or a slice of another picture."""
    return bytes([0x67 if key else 0x61]) + bytes(size)


def frame_marking(
    *, starts: bool = True, ends: bool = True, independent: bool = False, base_sync: bool = False, temporal: int = 0
) -> bytes:
    """The long form of draft-ietf-avtext-framemarking-13 section 3.1."""
    return bytes([starts << 7 | ends << 6 | independent << 5 | base_sync << 3 | temporal, 0, 0])
