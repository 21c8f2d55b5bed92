"""Fields of RTP packets as they are written, and the packet that stands for one which was left out."""

from miso.worker.rtp.codecs.vp8_indices cimport write as write_vp8_indices
from miso.worker.rtp.enums cimport REWRITE_INDICES, REWRITE_MARKER

cdef enum:
    FILLER_SIZE = 13
    RTX_FILLER_SIZE = 14


cdef inline void write_u16(unsigned char *target, unsigned int value) noexcept:
    target[0] = (value >> 8) & 0xFF
    target[1] = value & 0xFF


cdef inline void write_u32(unsigned char *target, unsigned int value) noexcept:
    target[0] = value >> 24
    target[1] = (value >> 16) & 0xFF
    target[2] = (value >> 8) & 0xFF
    target[3] = value & 0xFF


cdef inline unsigned int read_u32(const unsigned char *source) noexcept:
    return <unsigned int>source[0] << 24 | source[1] << 16 | source[2] << 8 | source[3]


cdef inline void write_filler(
    unsigned char *slot, int payload_type, unsigned short sequence_number, unsigned int timestamp, unsigned int ssrc
) noexcept:
    """``FILLER_SIZE`` bytes: no marker, no extensions, one byte of padding that says so (RFC 3550 section 5.1)."""
    slot[0] = 0xA0
    slot[1] = payload_type
    write_u16(slot + 2, sequence_number)
    write_u32(slot + 4, timestamp)
    write_u32(slot + 8, ssrc)
    slot[12] = 1


cdef inline void rewrite(unsigned char *header, unsigned char *payload, int payload_size, unsigned int word) noexcept:
    """Writes over a packet what its selector said (``LayerSelector.rewrite``)."""
    if word & REWRITE_MARKER:
        header[1] |= 0x80
    if word & REWRITE_INDICES:
        write_vp8_indices(payload, payload_size, word)
