"""Where a packet's payload begins: all that SRTP must know of a header (RFC 3550 section 5.1)."""

from libc.stdint cimport uint8_t

from miso.worker.rtp.big_endian cimport read_u16
from miso.worker.rtp.enums cimport FIXED_HEADER_SIZE

cdef enum:
    EXTENSION_HEADER_SIZE = 4


cdef inline int header_size(const uint8_t *packet, int size) noexcept:
    """Where the payload begins, behind CSRCs and header extension; -1 when the packet is shorter than that."""
    cdef int result = FIXED_HEADER_SIZE
    if size < result:
        return -1
    result += 4 * (packet[0] & 15)
    if packet[0] & 16:
        if size < result + EXTENSION_HEADER_SIZE:
            return -1
        result += EXTENSION_HEADER_SIZE + 4 * read_u16(packet + result + 2)
    return result if result <= size else -1
