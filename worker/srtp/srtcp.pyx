# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a transport protects its RTCP with."""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from miso.worker.srtp.cipher cimport RTCP_INDEX_SIZE, SessionKeys, protect_rtcp

cdef enum:
    MIN_PACKET_SIZE = 8  # RFC 3550 section 6.4: a header with the sender's SSRC
    MAX_PACKET_SIZE = 65535
    LAST_INDEX = 0x7FFFFFFF  # 31 bits: then the key is used up (RFC 3711 section 9.2)
    TRAILER_ROOM = 32


cdef class OutgoingRtcp:
    """All RTCP that goes out under one key."""

    cdef bint protect_rtcp(self, uint8_t *packet, int *size) noexcept:
        """Protects a compound in place, and says whether it may go out; ``TRAILER_ROOM`` bytes must be free behind it."""
        return False


cdef class OutgoingSrtcp(OutgoingRtcp):
    """By our own code. Packets are numbered together, whichever SSRC sends them: none has the keystream of another."""

    def __init__(self, SessionKeys rtcp_keys not None):
        self._keys = rtcp_keys

    cdef bint protect_rtcp(self, uint8_t *packet, int *size) noexcept:
        if self._index == LAST_INDEX or size[0] < MIN_PACKET_SIZE:
            return False
        self._index += 1
        protect_rtcp(self._keys.keys, packet, size[0], self._index)
        size[0] += self._keys.keys.tag_size + RTCP_INDEX_SIZE
        return True

    def protect(self, bytes packet not None):
        """The packet as it goes out; None when it may not."""
        cdef uint8_t memory[MAX_PACKET_SIZE + TRAILER_ROOM]
        cdef int size = <int>min(len(packet), MAX_PACKET_SIZE + 1)
        if size > MAX_PACKET_SIZE:
            return None
        memcpy(memory, <const uint8_t *>packet, size)
        return memory[:size] if self.protect_rtcp(memory, &size) else None
