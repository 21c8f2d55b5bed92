"""Which index a packet has (RFC 3711 section 3.3.1), and that none is used for two packets, or taken from two.

Key, SSRC and index make the keystream (RFC 3711 section 9.1), and with AES-GCM the nonce (RFC 7714 section 8.1): who
sees two packets under one of them learns what both differ in, and with AES-GCM can forge any packet. Indices are
counted as libsrtp counts them, which receivers often use, too: also while the first numbers pass half of their range.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

cdef enum:
    HALF = 0x8000
    WINDOW = 1024  # packets: what is so far behind the highest index is refused, as libsrtp is told to
    WINDOW_WORDS = 16
    INDEX_BITS = 48


cdef struct UsedIndices:  # of one SSRC
    unsigned int ssrc
    bint is_used  # there was a packet
    uint64_t highest  # index of all packets, 0 before the first
    uint64_t seen[WINDOW_WORDS]  # one bit for each index of the window, by index modulo its length: it was used


cdef inline void go_on_after(UsedIndices *used, uint64_t highest) noexcept nogil:
    """Whoever sent before has used any index up to this one."""
    used.is_used = True
    used.highest = highest
    memset(used.seen, 0xFF, sizeof(used.seen))


cdef inline bint guess_index(const UsedIndices *used, unsigned short number, uint64_t *index) noexcept nogil:
    """Finds the index of a packet. False: it is too old, or the key is used up."""
    cdef int64_t ahead = number - <int64_t>(used.highest & 0xFFFF)
    if used.highest <= HALF:  # nothing can have come before index 0
        ahead = number - <int64_t>used.highest
    elif ahead > HALF:
        ahead -= 0x10000
    elif ahead < -HALF:
        ahead += 0x10000
    index[0] = used.highest + ahead
    return ahead > -WINDOW and index[0] >> INDEX_BITS == 0


cdef inline bint is_used(const UsedIndices *used, uint64_t index) noexcept nogil:
    """Whether the index, which is not too old, was noted."""
    return index <= used.highest and used.seen[(index & (WINDOW - 1)) >> 6] >> (index & 63) & 1


cdef inline void note_index(UsedIndices *used, uint64_t index) noexcept nogil:
    """It is used from now on."""
    cdef uint64_t position
    if index > used.highest:
        if index - used.highest >= WINDOW:
            memset(used.seen, 0, sizeof(used.seen))
        else:
            for position in range(used.highest + 1, index + 1):
                used.seen[(position & (WINDOW - 1)) >> 6] &= ~(<uint64_t>1 << (position & 63))
        used.highest = index
    used.seen[(index & (WINDOW - 1)) >> 6] |= <uint64_t>1 << (index & 63)
    used.is_used = True


cdef inline bint take_index(UsedIndices *used, unsigned short number, bint is_repeat, uint64_t *index) noexcept nogil:
    """Finds the index of a packet that is sent now, and notes it. False: it is too old, or used, or the key is used up.

    ``is_repeat`` when the very bytes of the packet that has the index are sent again.
    """
    if not guess_index(used, number, index) or (is_used(used, index[0]) and not is_repeat):
        return False
    note_index(used, index[0])
    return True
