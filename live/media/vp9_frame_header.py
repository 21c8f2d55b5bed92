"""What a VP9 frame's header says, for frames that belong to one picture: sizes, and frames that are not to be shown.

VP9 bitstream specification, sections 6.2 and 7.2 (uncompressed header).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader
from miso.live.media.vp9 import is_vp9_key_frame, read_vp9_key_frame, split_vp9_frames

_SLOTS: Final = 8
_REFERENCES: Final = 3
_RESERVED_PROFILE: Final = 3
_PROFILE_BITS: Final = 0x30
_SEGMENTS: Final = 8
_SEGMENT_TREE_PROBABILITIES: Final = 7
_SEGMENT_FEATURES: Final = ((8, True), (6, True), (2, False), (0, False))
"""Bits of each feature's value, and whether it has a sign."""
_LOOP_FILTER_DELTAS: Final = 6
_QUANTIZER_DELTAS: Final = 3
_SUPERBLOCK_BITS: Final = 6
_WIDEST_TILE: Final = 64
_NARROWEST_TILE: Final = 4

Size = tuple[int, int]


class Vp9FrameHeader(NamedTuple):
    """Of one frame.

    Attributes:
        size: Width and height in pixels; None: it is that of a frame that nobody has seen here.
        is_key: It is a key frame.
        shown_at: Which bit says whether it is shown.
        is_shown: What that bit says.
        end: Bits of the header; None: they could not be counted, since the size is not known, or nobody needs them.
    """

    size: Size | None
    is_key: bool
    shown_at: int
    is_shown: bool
    end: int | None


class Vp9Sizes:
    """The sizes of the frames that a decoder keeps, for those whose header says "as large as that one"."""

    def __init__(self) -> None:
        self._slots: list[Size | None] = [None] * _SLOTS

    def read(self, frame: bytes) -> Vp9FrameHeader:
        """Reads the next frame's header. Raises ParseError if it is cut off."""
        shown_at = 7 if frame[:1] and frame[0] & _PROFILE_BITS == _PROFILE_BITS else 6
        if is_vp9_key_frame(frame):
            form = read_vp9_key_frame(frame)
            size = form.width, form.height
            self._slots = [size] * _SLOTS
            return Vp9FrameHeader(size, is_key=True, shown_at=shown_at, is_shown=_bit(frame, shown_at), end=None)
        bits = BitReader(frame, "VP9 frame")
        bits.bits(shown_at - 2)
        shows_existing, _, is_shown, is_resilient = bits.flag(), bits.flag(), bits.flag(), bits.flag()
        nothing = Vp9FrameHeader(None, is_key=False, shown_at=shown_at, is_shown=is_shown, end=None)
        if shows_existing:
            return nothing
        if not is_shown and bits.flag():  # intra only: its size is of no use to frames that are shown
            self._slots = [None] * _SLOTS
            return nothing
        if not is_resilient:
            bits.bits(2)
        kept = bits.bits(_SLOTS)
        references = [bits.bits(4) >> 1 for _ in range(_REFERENCES)]
        found = self._read_size(bits, references)
        for slot in range(_SLOTS):
            if kept >> slot & 1:
                self._slots[slot] = found
        if found is None:
            return nothing
        _skip_rest(bits, found[0], is_resilient)
        return nothing._replace(size=found, end=bits.position)

    def _read_size(self, bits: BitReader, references: list[int]) -> Size | None:
        size: Size | None
        for reference in references:
            if bits.flag():
                size = self._slots[reference]
                break
        else:
            size = bits.bits(16) + 1, bits.bits(16) + 1
        if bits.flag():  # the size at which it is to be shown
            bits.bits(32)
        return size


def read_picture_size(payload: bytes) -> Size:
    """The size at which a key frame's picture is shown: that of the last frame, if it has several.

    Raises:
        ParseError: It is no key frame, or cut off.
    """
    first, *others = split_vp9_frames(payload)
    form = read_vp9_key_frame(first)
    sizes = Vp9Sizes()
    headers = [sizes.read(frame) for frame in (first, *others) if frame]
    return headers[-1].size or (form.width, form.height)


def hide(frame: bytes, header: Vp9FrameHeader) -> bytes:
    """The frame as one that is decoded and not shown; as it is where that cannot be done.

    A key frame has a bit for it. Of others, those that are not shown have one bit more: that they are not intra only.
    """
    if header.is_key:
        return bytes((frame[0] & ~(0x80 >> header.shown_at),)) + frame[1:]
    if header.end is None:
        return frame
    bits = BitReader(frame, "VP9 frame")
    before = bits.bits(header.shown_at) << 2 | bits.bits(2) & 1  # not shown; and the bit behind stays as it is
    behind_bits = header.end - bits.position
    number = before << (1 + behind_bits) | bits.bits(behind_bits)
    size_bits = header.end + 1
    padding = -size_bits % 8
    whole = (number << padding).to_bytes((size_bits + padding) // 8, "big")
    return whole + frame[(header.end + 7) // 8 :]


def _skip_rest(bits: BitReader, width: int, is_resilient: bool) -> None:
    """Passes over what stands behind the size of an inter frame."""
    bits.bits(1)  # precision of motion vectors
    if not bits.flag():  # the interpolation filter is one for the frame
        bits.bits(2)
    if not is_resilient:
        bits.bits(2)
    bits.bits(2)  # frame context
    bits.bits(6 + 3)  # level and sharpness of the loop filter
    if bits.flag() and bits.flag():
        for _ in range(_LOOP_FILTER_DELTAS):
            bits.bits(7 if bits.flag() else 0)
    bits.bits(8)
    for _ in range(_QUANTIZER_DELTAS):
        bits.bits(5 if bits.flag() else 0)
    if bits.flag():
        _skip_segmentation(bits)
    _skip_tiles(bits, width)
    bits.bits(16)  # size of the compressed header


def _skip_segmentation(bits: BitReader) -> None:
    if bits.flag():
        for _ in range(_SEGMENT_TREE_PROBABILITIES):
            bits.bits(8 if bits.flag() else 0)
        if bits.flag():
            for _ in range(_REFERENCES):
                bits.bits(8 if bits.flag() else 0)
    if bits.flag():
        bits.bits(1)
        for _ in range(_SEGMENTS):
            for size_bits, has_sign in _SEGMENT_FEATURES:
                if bits.flag():
                    bits.bits(size_bits + has_sign)


def _skip_tiles(bits: BitReader, width: int) -> None:
    superblocks = (width + (1 << _SUPERBLOCK_BITS) - 1) >> _SUPERBLOCK_BITS
    fewest = most = 0
    while _WIDEST_TILE << fewest < superblocks:
        fewest += 1
    while superblocks >> (most + 1) >= _NARROWEST_TILE:
        most += 1
    for _ in range(most - fewest):
        if not bits.flag():
            break
    if bits.flag():
        bits.flag()


def _bit(data: bytes, at: int) -> bool:
    if not data:
        raise ParseError("VP9 frame is empty")
    return bool(data[at >> 3] & 0x80 >> (at & 7))
