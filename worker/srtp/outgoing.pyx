# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a sender protects its packets with: the keys of its transport, and the index of each of its SSRCs."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from miso.worker.rtp.big_endian cimport read_u16, read_u32
from miso.worker.rtp.enums cimport SSRC_AT
from miso.worker.srtp.cipher cimport SRTP_MAX_AT_ONCE, SRTP_ROOM_BEHIND, SessionKeys, SrtpKeys, SrtpWork, protect_all
from miso.worker.srtp.header cimport header_size
from miso.worker.srtp.rollover cimport UsedIndices, go_on_after, take_index

cdef enum:
    MAX_PACKET_SIZE = 65535


cdef class Protection:
    """What a sender asks before it sends a packet: whether it may, and how long it will be.

    It has the indices of the sender's SSRCs, so that none is used twice.
    """

    cdef int add(self, unsigned int ssrc, int64_t highest) except -1:
        """Packets of this SSRC may be sent; ``highest``: the index that was used last under these keys, -1: none."""
        cdef UsedIndices *sent = &self._sent[self._count]
        if self._count == MAX_SSRCS:
            raise ValueError(f"SSRC {ssrc} is one too many, expected at most {MAX_SSRCS}")
        sent.ssrc = ssrc
        if highest >= 0:
            go_on_after(sent, highest)
        self._count += 1
        return 0

    cdef const UsedIndices *sent_by(self, unsigned int ssrc) noexcept:
        """What was sent with this SSRC; NULL: it is none of the sender's."""
        cdef int at
        for at in range(self._count):
            if self._sent[at].ssrc == ssrc:
                return &self._sent[at]
        return NULL

    cdef int admit(self, uint8_t *packet, int size, bint is_repeat, SrtpWork *work) noexcept:
        """The packet's size when it is protected, ``REFUSED`` when it must not be sent.

        What is to be done to it before it is sent is written to ``work``, when there are ``keys``. ``is_repeat``: the
        very bytes that were sent under this number before.
        """
        return REFUSED

    cdef int take(self, const uint8_t *packet, int size, bint is_repeat, uint64_t *index) noexcept:
        """Where the payload begins, and the packet's index, which is used from now on; -1 when it must not be sent."""
        cdef int payload_at = header_size(packet, size)
        cdef UsedIndices *sent
        if payload_at < 0:
            return -1
        sent = <UsedIndices *>self.sent_by(read_u32(packet + SSRC_AT))
        if sent == NULL or not take_index(sent, read_u16(packet + 2), is_repeat, index):
            return -1
        return payload_at


cdef class OutgoingSrtp(Protection):
    """One sender's packets under a transport's keys: the index of each of its SSRCs, at most two, begins at 0.

    Packets of another SSRC are refused.
    """

    def __init__(self, SessionKeys keys not None, ssrcs=()):
        self._owner = keys
        self.keys = keys.keys
        for ssrc in ssrcs:
            self.add(ssrc, -1)

    cdef int admit(self, uint8_t *packet, int size, bint is_repeat, SrtpWork *work) noexcept:
        cdef int payload_at = self.take(packet, size, is_repeat, &work.index)
        if payload_at < 0:
            return REFUSED
        work.keys = self.keys
        work.packet = packet
        work.size = size
        work.payload_at = payload_at
        return size + self.keys.tag_size

    def protect(self, packets, *, is_repeat=False):
        """Protects packets together; None for one that is refused: no RTP, of another SSRC, its index used or old.

        ``is_repeat``: an index that is used may be used again, the caller knows that the packet is the same.

        Raises:
            ValueError: A packet has more than 65,535 bytes.
        """
        cdef list result = []
        for first in range(0, len(packets), SRTP_MAX_AT_ONCE):
            result += self._protect_some(packets[first : first + SRTP_MAX_AT_ONCE], is_repeat)
        return result

    def _protect_some(self, packets, bint is_repeat):
        cdef SrtpWork work[SRTP_MAX_AT_ONCE]
        cdef int sizes[SRTP_MAX_AT_ONCE]
        cdef int count = 0, index = 0, size
        cdef uint8_t *memory
        cdef uint8_t *at
        cdef bytes packet
        cdef list result = []
        for packet in packets:
            if len(packet) > MAX_PACKET_SIZE:
                raise ValueError(f"packet of {len(packet)} bytes, expected at most {MAX_PACKET_SIZE}")
        at = memory = <uint8_t *>malloc(sum(map(len, packets)) + SRTP_ROOM_BEHIND * len(packets) + 1)
        if memory == NULL:
            raise MemoryError
        for packet in packets:
            size = len(packet)
            memcpy(at, <const uint8_t *>packet, size)
            sizes[index] = self.admit(at, size, is_repeat, &work[count])
            if sizes[index] != REFUSED:
                count += 1
            at += size + SRTP_ROOM_BEHIND
            index += 1
        protect_all(work, count)
        at = memory
        for index in range(len(packets)):
            result.append(at[: sizes[index]] if sizes[index] != REFUSED else None)
            at += len(packets[index]) + SRTP_ROOM_BEHIND
        free(memory)
        return result
