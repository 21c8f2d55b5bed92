# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Chooses the parser of a payload by its codec."""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.codecs import h264, opus, vp8, vp9
from miso.worker.rtp.codecs.payload import PayloadDescriptor


def describe(codec: int, data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    """Fills ``descriptor`` from the first ``size`` bytes of a payload.

    Args:
        codec: a ``Codec``; one that is not looked into has no descriptor, each packet may begin.
        data: the payload.
        size: its length in bytes, without padding.
        descriptor: is overwritten.

    Returns:
        False when the payload is malformed.
    """
    if codec == enums.VP8:
        return vp8.parse(data, size, descriptor)
    if codec == enums.VP9:
        return vp9.parse(data, size, descriptor)
    if codec == enums.H264:
        return h264.parse(data, size, descriptor)
    if codec == enums.OPUS:
        return opus.parse(data, size, descriptor)
    descriptor.clear()
    descriptor.is_key_frame = True
    return True
