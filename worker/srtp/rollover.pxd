"""Which index a packet has (RFC 3711 section 3.3.1), and that none is used for two packets.

Key, SSRC and index make the keystream (RFC 3711 section 9.1), and with AES-GCM the nonce (RFC 7714 section 8.1): who sees two packets
under one of them learns what both differ in, and with AES-GCM can forge any packet. Indices are counted as libsrtp counts
them, which receivers often use, too: also while the first numbers pass half of their range.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

cdef enum:
    HALF = 0x8000
    WINDOW = 1024  # packets: what is so far behind the highest index is refused, as libsrtp is told to
    WINDOW_WORDS = 16
    INDEX_BITS = 48


cdef struct SentIndices:  # of one SSRC
    unsigned int ssrc
    bint is_used  # there was a packet
    uint64_t highest  # index of all packets, 0 before the first
    uint64_t seen[WINDOW_WORDS]  # one bit for each index of the window, by index modulo its length: it was used


cdef inline void go_on_after(SentIndices *sent, uint64_t highest) noexcept nogil:
    """Whoever sent before has used any index up to this one."""
    sent.is_used = True
    sent.highest = highest
    memset(sent.seen, 0xFF, sizeof(sent.seen))


cdef inline bint take_index(SentIndices *sent, unsigned short number, bint is_repeat, uint64_t *index) noexcept nogil:
    """Finds the index of a packet that is sent now. False: it is too old, or used, or the key is used up.

    ``is_repeat`` when the very bytes of the packet that has the index are sent again.
    """
    cdef int64_t position, ahead = number - <int64_t>(sent.highest & 0xFFFF)
    cdef uint64_t found, bit
    if sent.highest <= HALF:  # nothing can have come before index 0
        ahead = number - <int64_t>sent.highest
    elif ahead > HALF:
        ahead -= 0x10000
    elif ahead < -HALF:
        ahead += 0x10000
    if ahead <= -WINDOW:
        return False
    found = sent.highest + ahead
    if found >> INDEX_BITS != 0:
        return False
    bit = <uint64_t>1 << (found & 63)
    if ahead > 0:
        if ahead >= WINDOW:
            memset(sent.seen, 0, sizeof(sent.seen))
        else:
            for position in range(sent.highest + 1, found + 1):
                sent.seen[(position & (WINDOW - 1)) >> 6] &= ~(<uint64_t>1 << (position & 63))
        sent.highest = found
    elif sent.seen[(found & (WINDOW - 1)) >> 6] & bit and not is_repeat:
        return False
    sent.seen[(found & (WINDOW - 1)) >> 6] |= bit
    sent.is_used = True
    index[0] = found
    return True
