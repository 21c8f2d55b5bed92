# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Chooses the parser of a payload by its codec's number."""

from __future__ import annotations

from worker.rtp.codecs import h264, opus, vp8, vp9
from worker.rtp.codecs.payload import PayloadDescriptor


def describe(codec: int, data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    """Fills ``descriptor`` from the first ``size`` bytes of a payload.

    Args:
        codec: 1 opus, 2 VP8, 3 VP9, 4 H264 (the plane's ``Codec``); any other has no descriptor, each packet may begin.
        data: the payload.
        size: its length in bytes, without padding.
        descriptor: is overwritten.

    Returns:
        False when the payload is malformed.
    """
    if codec == 2:
        return vp8.parse(data, size, descriptor)
    if codec == 3:
        return vp9.parse(data, size, descriptor)
    if codec == 4:
        return h264.parse(data, size, descriptor)
    if codec == 1:
        return opus.parse(data, size, descriptor)
    descriptor.clear()
    descriptor.is_key_frame = True
    return True
