"""What a layer selector has written over a packet that it chose (``LayerSelector.rewrite``)."""

from miso.worker.rtp.codecs.vp8_indices cimport write as write_vp8_indices
from miso.worker.rtp.enums cimport REWRITE_INDICES, REWRITE_MARKER


cdef inline void rewrite(unsigned char *header, unsigned char *payload, int payload_size, unsigned int word) noexcept:
    """Writes over a packet that is in its place already."""
    if word & REWRITE_MARKER:
        header[1] |= 0x80
    if word & REWRITE_INDICES:
        write_vp8_indices(payload, payload_size, word)
