"""Which index a packet has: its sequence number, and how often that began again (RFC 3711 section 3.3.1).

As libsrtp counts, which receivers often use, too: also while the first numbers pass half of their range.
"""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    HALF = 0x8000
    WINDOW = 1024  # packets: what is so far behind the highest index is refused, as libsrtp is told to
    INDEX_BITS = 48


cdef inline bint next_index(uint64_t *highest, unsigned short number, uint64_t *index) noexcept nogil:
    """Finds the index of a packet that is sent now; False when it is too old, or when the key is used up.

    ``highest`` is that of the packets before, 0 before the first.
    """
    cdef int64_t ahead = number - <int64_t>(highest[0] & 0xFFFF)
    if highest[0] <= HALF:  # nothing can have come before index 0
        ahead = number - <int64_t>highest[0]
    elif ahead > HALF:
        ahead -= 0x10000
    elif ahead < -HALF:
        ahead += 0x10000
    if ahead <= -WINDOW:
        return False
    index[0] = highest[0] + ahead
    if index[0] >> INDEX_BITS != 0:
        return False
    if ahead > 0:
        highest[0] = index[0]
    return True
