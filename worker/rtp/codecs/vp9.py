# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The VP9 payload descriptor (RFC 9628 section 4.2)."""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.codecs.payload import PayloadDescriptor


def parse(data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    """Fills ``descriptor`` from the first ``size`` bytes of a VP9 payload.

    ::

             0 1 2 3 4 5 6 7
            +-+-+-+-+-+-+-+-+
            |I|P|L|F|B|E|V|Z|
            +-+-+-+-+-+-+-+-+
         I: |M| PICTURE ID  |   16 bits when M is set
            +-+-+-+-+-+-+-+-+
         L: | TID |U| SID |D|
            +-+-+-+-+-+-+-+-+
            |   TL0PICIDX   |   with L, in non-flexible mode (F is 0)
            +-+-+-+-+-+-+-+-+
        P,F:| P_DIFF      |N|   one to three
            +-+-+-+-+-+-+-+-+
         V: |      SS       |   scalability structure

    Returns:
        False when the payload is shorter than it says; the descriptor is clear then.
    """
    descriptor.clear()
    if size < 1:
        return False
    first = data[0]
    position = 1
    if first & enums.VP9_I:
        position = descriptor.read_picture_id(data, size, position)
        if position < 0:
            return False
    if first & enums.VP9_L:
        if position >= size:
            descriptor.clear()
            return False
        descriptor.temporal_layer = data[position] >> 5
        descriptor.switching_up = (data[position] >> 4) & 1 == 1
        descriptor.spatial_layer = (data[position] >> 1) & 7
        descriptor.inter_layer = data[position] & 1 == 1
        position += 1
        if first & enums.VP9_F == 0:
            if position >= size:
                descriptor.clear()
                return False
            descriptor.tl0_picture_index = data[position]
            descriptor.tl0_picture_index_offset = position
            position += 1
    if first & enums.VP9_P and first & enums.VP9_F:
        for count in range(enums.VP9_MAX_P_DIFFS):
            if position >= size:
                descriptor.clear()
                return False
            position += 1
            if data[position - 1] & 1 == 0:
                break
            if count == enums.VP9_MAX_P_DIFFS - 1:  # a fourth reference: "N" must be 0 in the third
                descriptor.clear()
                return False
    if first & enums.VP9_V:
        position = _skip_scalability_structure(data, size, position)
    if position < 0 or position >= size:
        descriptor.clear()
        return False
    descriptor.inter_picture = first & enums.VP9_P != 0
    descriptor.begins_frame = first & enums.VP9_B != 0
    descriptor.ends_frame = first & enums.VP9_E != 0
    descriptor.discardable = first & enums.VP9_Z != 0
    descriptor.is_key_frame = descriptor.begins_frame and not descriptor.inter_picture and descriptor.spatial_layer <= 0
    descriptor.size = position
    return True


def _skip_scalability_structure(data: bytes, size: int, position: int) -> int:
    # | N_S |Y|G|-|-|-|  then (N_S + 1) times width and height (Y), then N_G and its pictures (G)
    if position >= size:
        return -1
    head = data[position]
    position += 1
    if head & enums.VP9_Y:
        position += enums.VP9_LAYER_SIZE * ((head >> 5) + 1)
    if head & enums.VP9_G:
        if position >= size:
            return -1
        pictures = data[position]
        position += 1
        for _picture in range(pictures):
            if position >= size:
                return -1
            position += 1 + ((data[position] >> 2) & 3)
    return position
