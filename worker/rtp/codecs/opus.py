# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Opus payloads (RFC 6716, RFC 7587): silence that discontinuous transmission sends."""

from __future__ import annotations

from miso.worker.rtp.codecs.payload import PayloadDescriptor


def parse(data: bytes, size: int, descriptor: PayloadDescriptor) -> bool:
    """Fills ``descriptor``: a packet of the TOC byte alone, or with one more byte, is DTX (RFC 6716 section 2.1.9).

    Returns:
        False for an empty payload.
    """
    descriptor.clear()
    if size < 1:
        return False
    descriptor.begins_frame = True
    descriptor.is_key_frame = True  # audio can begin anywhere
    descriptor.is_dtx = size <= 2
    return True
