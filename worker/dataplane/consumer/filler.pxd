"""The packet of nothing but padding that stands for one which was left out too late for the numbers to close up."""

from miso.worker.rtp.big_endian cimport write_u16, write_u32

cdef enum:
    FILLER_SIZE = 13
    RTX_FILLER_SIZE = 14


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
