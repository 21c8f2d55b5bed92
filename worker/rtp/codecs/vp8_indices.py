# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The running numbers in VP8 payload descriptors, continuous for a receiver whose stream is switched and thinned out.

Each simulcast stream counts pictures, base-layer frames and key frames for itself (PictureID, TL0PICIDX and KEYIDX of
RFC 7741 section 4.2); a decoder that sees them jump takes pictures for lost ones.
"""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.codecs.payload import PayloadDescriptor
from miso.worker.rtp.sequence import SequenceMapper


class Vp8Indices:
    """Maps the numbers of incoming payloads to outgoing ones; the result is a word for ``write``."""

    def __init__(self) -> None:
        self._pictures = SequenceMapper(0, 15)
        self._tl0_offset = 0  # what is added to TL0PICIDX, modulo 256
        self._max_tl0 = 0  # the highest outgoing one
        self._key_offset = 0  # likewise KEYIDX, modulo 32
        self._max_key = 0

    def begin(self, payload: PayloadDescriptor) -> None:
        """A stream goes on with this packet, of a picture that follows what was sent so far."""
        if payload.picture_id >= 0:
            self._pictures.sync(payload.picture_id)
        if payload.tl0_picture_index >= 0:
            self._tl0_offset = (self._max_tl0 + 1 - payload.tl0_picture_index) & 0xFF
        if payload.key_index >= 0:
            self._key_offset = (self._max_key + 1 - payload.key_index) & 0x1F

    def drop(self, payload: PayloadDescriptor) -> None:
        """The picture is not forwarded, and leaves no gap."""
        if payload.picture_id >= 0:
            self._pictures.drop(payload.picture_id)

    def is_repeated(self, payload: PayloadDescriptor) -> bool:
        """Whether the picture id of a new picture is not newer than what came before: the sender counts anew."""
        step = (payload.picture_id - self._pictures.max_input) & 0x7FFF
        return payload.picture_id >= 0 and (step == 0 or step >= 0x4000)

    def map(self, payload: PayloadDescriptor) -> int:
        """The word that ``write`` puts over a packet of a forwarded picture; -1: it was dropped, or is too old."""
        picture_id = 0
        tl0 = 0
        key = 0
        if payload.picture_id >= 0:
            picture_id = self._pictures.map(payload.picture_id)
            if picture_id < 0:
                return -1
        if payload.tl0_picture_index >= 0:
            tl0 = (payload.tl0_picture_index + self._tl0_offset) & 0xFF
            if ((tl0 - self._max_tl0) & 0xFF) < 0x80:
                self._max_tl0 = tl0
        if payload.key_index >= 0:
            key = (payload.key_index + self._key_offset) & 0x1F
            if ((key - self._max_key) & 0x1F) < 0x10:
                self._max_key = key
        return enums.REWRITE_INDICES | key << 23 | tl0 << 15 | picture_id


def write(data: bytearray, size: int, word: int) -> None:
    """Writes the numbers of ``word`` over those that the payload has.

    Args:
        data: the payload, changed in place.
        size: its length in bytes.
        word: of ``Vp8Indices.map``.
    """
    if size < 2 or data[0] & 0x80 == 0:
        return
    flags = data[1]
    position = 2
    if flags & 0x80:
        if position < size and data[position] & 0x80 == 0:
            data[position] = word & 0x7F
            position += 1
        elif position + 1 < size:
            data[position] = 0x80 | ((word >> 8) & 0x7F)
            data[position + 1] = word & 0xFF
            position += 2
        else:
            return
    if flags & 0x40 and position < size:
        data[position] = (word >> 15) & 0xFF
        position += 1
    if flags & 0x10 and position < size:
        data[position] = (data[position] & 0xE0) | ((word >> 23) & 0x1F)
