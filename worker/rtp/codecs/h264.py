# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""H264 payloads (RFC 6184): key frames in single units, STAP-A and FU-A; layers from the frame-marking extension."""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.codecs.payload import PayloadDescriptor


def parse(data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    """Fills ``descriptor`` from the first ``size`` bytes of an H264 payload.

    ::

        +-+-+-+-+-+-+-+-+   type 1 to 23: that unit itself      7 sequence parameter set
        |F|NRI|  Type   |   type 24 STAP-A: size (16), unit, …  5 slice of an IDR picture
        +-+-+-+-+-+-+-+-+   type 28 FU-A: |S|E|R|  Type   |, fragment

    A key frame begins with its sequence parameter set; where the sender gives that in the signaling only, with the
    first slice of the IDR picture. Both are flagged: packets of one frame have one timestamp.

    Returns:
        False when the payload is shorter than it says; the descriptor is clear then.
    """
    descriptor.clear()
    if size < 1:
        return False
    kind = data[0] & enums.NAL_TYPE
    if kind == enums.NAL_STAP_A:
        if not _parse_aggregate(data, size, descriptor):
            descriptor.clear()
            return False
        return True
    if kind == enums.NAL_FU_A:
        if size < 3:
            return False
        descriptor.size = 2
        descriptor.begins_frame = data[1] >> 7 == 1
        if data[1] >> 7 == 1:
            descriptor.units = _unit(data, 1, size, data[1] & enums.NAL_TYPE)
            _conclude(descriptor)
        return True
    descriptor.units = _unit(data, 0, size, kind)
    _conclude(descriptor)
    return True


def parse_frame_marking(data: bytes, offset: int, size: int, descriptor: PayloadDescriptor) -> None:
    """Adds to ``descriptor`` what the frame-marking extension says (draft-ietf-avtext-framemarking-13 section 3.1).

    ::

        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |S|E|I|D|B| TID |      LID      |   TL0PICIDX   |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Args:
        data: the packet.
        offset: of the extension's data in it.
        size: bytes of extension data: 1 (no layers), 2 or 3.
        descriptor: already filled by ``parse``.
    """
    if size < 1:
        return
    first = data[offset]
    descriptor.begins_frame = first & 0x80 != 0
    descriptor.ends_frame = first & 0x40 != 0
    descriptor.discardable = first & 0x10 != 0
    if first & 0xA0 == 0xA0:  # the first packet of a frame that depends on none; hardware encoders forget to say so
        descriptor.is_key_frame = True
    if size < 2:
        return
    descriptor.switching_up = first & 0x08 != 0
    descriptor.temporal_layer = first & 7
    descriptor.spatial_layer = data[offset + 1] & 7
    if size >= 3:
        descriptor.tl0_picture_index = data[offset + 2]


def _unit(data: bytes, offset: int, size: int, kind: int) -> int:
    if kind == enums.NAL_SPS:
        return enums.SPS
    if kind == enums.NAL_PPS:
        return enums.PPS
    if offset + 1 >= size:
        return 0
    head = data[offset + 1]
    if kind == enums.NAL_SEI:  # its first message
        return enums.RECOVERY_POINT if head == 6 else 0
    # first_mb_in_slice is the slice's first Exp-Golomb number: 0 is coded as a single 1
    if head >> 7 == 0:
        return 0
    if kind == enums.NAL_IDR_SLICE:
        return enums.IDR
    if kind != enums.NAL_SLICE:
        return 0
    # slice_type is the second: 2 (011) and 7 (0001000) are I
    return enums.INTRA if (head >> 4) & 7 == 3 or head & 0x7F == 8 else enums.INTER


def _conclude(descriptor: PayloadDescriptor) -> None:
    descriptor.is_key_frame = descriptor.units & (enums.SPS | enums.IDR) != 0
    descriptor.is_random_access = descriptor.units & enums.IDR != 0


def _parse_aggregate(data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    position = 1
    if size < 4:
        return False
    while position < size:
        if position + 2 > size:
            return False
        unit_size = data[position] << 8 | data[position + 1]
        position += 2
        if unit_size == 0 or position + unit_size > size:
            return False
        descriptor.units |= _unit(data, position, position + unit_size, data[position] & enums.NAL_TYPE)
        position += unit_size
    _conclude(descriptor)
    return True
