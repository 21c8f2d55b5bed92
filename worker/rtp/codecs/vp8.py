# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The VP8 payload descriptor (RFC 7741 section 4.2)."""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.codecs.payload import PayloadDescriptor


def parse(data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    """Fills ``descriptor`` from the first ``size`` bytes of a VP8 payload.

    ::

             0 1 2 3 4 5 6 7
            +-+-+-+-+-+-+-+-+
            |X|R|N|S|R| PID |
            +-+-+-+-+-+-+-+-+
         X: |I|L|T|K| RSV   |
            +-+-+-+-+-+-+-+-+
         I: |M| PictureID   |   16 bits when M is set
            +-+-+-+-+-+-+-+-+
         L: |   TL0PICIDX   |
            +-+-+-+-+-+-+-+-+
        T,K:|TID|Y| KEYIDX  |
            +-+-+-+-+-+-+-+-+
            |Size0|H| VER |P|   the VP8 frame's first byte: P is 0 in a key frame
            +-+-+-+-+-+-+-+-+

    Returns:
        False when the payload is shorter than it says; the descriptor is clear then.
    """
    descriptor.clear()
    if size < 1:
        return False
    first = data[0]
    position = 1
    flags = 0
    if first & enums.VP8_X:
        if size < 2:
            return False
        flags = data[1]
        position = 2
    if flags & enums.VP8_I:
        position = descriptor.read_picture_id(data, size, position)
        if position < 0:
            return False
    if flags & enums.VP8_L:
        if position >= size:
            descriptor.clear()
            return False
        descriptor.tl0_picture_index = data[position]
        descriptor.tl0_picture_index_offset = position
        position += 1
    if flags & (enums.VP8_T | enums.VP8_K):
        if position >= size:
            descriptor.clear()
            return False
        if flags & enums.VP8_T:
            descriptor.temporal_layer = data[position] >> 6
            descriptor.switching_up = (data[position] >> 5) & 1 == 1
        if flags & enums.VP8_K:
            descriptor.key_index = data[position] & 0x1F
        position += 1
    if position >= size:
        descriptor.clear()
        return False
    descriptor.discardable = first & enums.VP8_N != 0
    descriptor.begins_frame = first & enums.VP8_BEGINNING == enums.VP8_BEGINS_FRAME
    descriptor.is_key_frame = descriptor.begins_frame and data[position] & enums.VP8_INTER == 0
    descriptor.size = position
    return True
