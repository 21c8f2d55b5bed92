# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a transport opens its peer's packets with: keys, and which packets of each SSRC came already."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from miso.worker.rtp.big_endian cimport read_u16, read_u32
from miso.worker.rtp.enums cimport SSRC_AT
from miso.worker.rtp.ssrc_table cimport SsrcTable
from miso.worker.srtp.cipher cimport (
    RTCP_INDEX_SIZE,
    SessionKeys,
    SrtpWork,
    open_rtcp,
    open_rtp,
    rtcp_index,
)
from miso.worker.srtp.header cimport header_size
from miso.worker.srtp.rollover cimport UsedIndices, guess_index, is_used, note_index

cdef enum:
    RTCP_HEADER_SIZE = 8  # RFC 3550 section 6.4: with the sender's SSRC
    RTCP_SSRC_AT = 4


cdef class Heard(SsrcTable):
    """SSRC → what is known of it: memory of this table, which goes with it.

    The garbage collector takes from whom it frees what he refers to, before ``__dealloc__``: no other could free it.
    """

    def __dealloc__(self):
        cdef uint32_t at
        if self._entries != NULL:
            for at in range(self._mask + 1):
                free(self._entries[at].value)

    cdef void *keep(self, uint32_t ssrc, const void *value, size_t size) noexcept:
        """A copy of the value, which stands in the table; NULL: there is no memory for it."""
        cdef void *kept = malloc(size)
        if kept == NULL:
            return NULL
        memcpy(kept, value, size)
        try:
            self.put(ssrc, kept)
        except MemoryError:
            free(kept)
            return NULL
        return kept

    cdef void drop(self, uint32_t ssrc) noexcept:
        cdef void *value = self.get(ssrc)
        if value != NULL:
            self.remove(ssrc)
            free(value)


cdef class Incoming:
    """All that comes from one peer; a packet that came already is refused, as is one that is not genuine.

    Of each SSRC that sent something genuine it is known what came, until it is forgotten.
    """

    def __dealloc__(self):
        free(self._rtcp_senders)

    cdef bint unprotect(self, uint8_t *packet, int *size) noexcept:
        """Opens RTP in place, and says whether it may be used; ``size`` becomes smaller by what protected it."""
        return False

    cdef bint unprotect_rtcp(self, uint8_t *packet, int *size) noexcept:
        """Likewise a compound of RTCP."""
        return False

    cdef void forget(self, uint32_t ssrc) noexcept:
        """What came from the SSRC need not be known any more."""

    cdef void remember_rtcp(self, uint32_t ssrc, SsrcTable kept) noexcept:
        """An SSRC that no stream of ours has sent RTCP: the one of those that was heard longest ago is forgotten.

        Of at most 32 it is known which packets came already. A packet of one that was forgotten would be taken once
        more, if somebody kept it: its sender, who alone can have made us forget, could have said it again anyhow.

        ``kept`` are the SSRCs of RTP, which must stay known.
        """
        cdef int index, oldest = 0
        if self._rtcp_senders == NULL:
            self._rtcp_senders = <RtcpSender *>malloc(MAX_RTCP_SSRCS * sizeof(RtcpSender))
            if self._rtcp_senders == NULL:  # memory is short: it is forgotten at once
                self.forget(ssrc)
                return
        self._rtcp_turn += 1
        for index in range(self._rtcp_count):
            if self._rtcp_senders[index].ssrc == ssrc:
                self._rtcp_senders[index].turn = self._rtcp_turn
                return
            if self._rtcp_senders[index].turn < self._rtcp_senders[oldest].turn:
                oldest = index
        if self._rtcp_count < MAX_RTCP_SSRCS:
            oldest = self._rtcp_count
            self._rtcp_count += 1
        elif kept.get(self._rtcp_senders[oldest].ssrc) == NULL:
            self.forget(self._rtcp_senders[oldest].ssrc)
        self._rtcp_senders[oldest].ssrc = ssrc
        self._rtcp_senders[oldest].turn = self._rtcp_turn


cdef class IncomingSrtp(Incoming):
    """By our own code."""

    def __init__(self, SessionKeys keys not None, SessionKeys rtcp_keys not None):
        self._keys = keys
        self._rtcp_keys = rtcp_keys
        self._tag_size = self._keys.keys.tag_size
        self._rtcp_trailer_size = self._rtcp_keys.keys.tag_size + RTCP_INDEX_SIZE
        self._rtp = Heard()
        self._rtcp = Heard()

    cdef bint unprotect(self, uint8_t *packet, int *size) noexcept:
        cdef SrtpWork work
        cdef UsedIndices fresh
        cdef UsedIndices *used
        cdef uint32_t ssrc
        work.size = size[0] - self._tag_size
        work.payload_at = header_size(packet, work.size)
        if work.payload_at < 0:
            return False
        ssrc = read_u32(packet + SSRC_AT)
        used = <UsedIndices *>self._rtp.get(ssrc)
        if used == NULL:
            memset(&fresh, 0, sizeof(fresh))
            used = &fresh
        if not guess_index(used, read_u16(packet + 2), &work.index) or is_used(used, work.index):
            return False
        work.keys = self._keys.keys
        work.packet = packet
        if not open_rtp(&work):
            return False
        if used == &fresh:
            used = <UsedIndices *>self._rtp.keep(ssrc, &fresh, sizeof(fresh))
            if used == NULL:
                return False
        note_index(used, work.index)
        size[0] = work.size
        return True

    cdef bint unprotect_rtcp(self, uint8_t *packet, int *size) noexcept:
        cdef HeardRtcp fresh
        cdef HeardRtcp *heard
        cdef int plain_size = size[0] - self._rtcp_trailer_size
        cdef uint32_t ssrc, index
        if plain_size < RTCP_HEADER_SIZE:
            return False
        index = rtcp_index(self._rtcp_keys.keys, packet, plain_size)
        ssrc = read_u32(packet + RTCP_SSRC_AT)
        heard = <HeardRtcp *>self._rtcp.get(ssrc)
        if heard == NULL:
            memset(&fresh, 0, sizeof(fresh))
            heard = &fresh
        if _came(heard, index) or not open_rtcp(self._rtcp_keys.keys, packet, plain_size):
            return False
        if heard == &fresh:
            heard = <HeardRtcp *>self._rtcp.keep(ssrc, &fresh, sizeof(fresh))
            if heard == NULL:
                return False
        _note(heard, index)
        size[0] = plain_size
        return True

    cdef void forget(self, uint32_t ssrc) noexcept:
        self._rtp.drop(ssrc)
        self._rtcp.drop(ssrc)

    def open(self, bytes packet not None, *, bint is_rtcp=False):
        """The packet as it was before it was protected; None for one that is refused."""
        cdef int size = <int>len(packet)
        cdef bytearray memory = bytearray(packet)
        cdef uint8_t *at = memory
        cdef bint is_genuine = self.unprotect_rtcp(at, &size) if is_rtcp else self.unprotect(at, &size)
        return bytes(memory[:size]) if is_genuine else None

    def is_known(self, uint32_t ssrc):
        """Whether it is known what came from the SSRC."""
        return self._rtp.get(ssrc) != NULL or self._rtcp.get(ssrc) != NULL


cdef bint _came(const HeardRtcp *heard, uint32_t index) noexcept:
    """Whether the packet of this index came, or is too old to tell."""
    if index > heard.highest:
        return False
    if heard.highest - index >= RTCP_WINDOW:
        return True
    return heard.seen[(index & (RTCP_WINDOW - 1)) >> 6] >> (index & 63) & 1


cdef void _note(HeardRtcp *heard, uint32_t index) noexcept:
    cdef int64_t position
    if index > heard.highest:
        if index - heard.highest >= RTCP_WINDOW:
            memset(heard.seen, 0, sizeof(heard.seen))
        else:
            for position in range(<int64_t>heard.highest + 1, <int64_t>index + 1):
                heard.seen[(position & (RTCP_WINDOW - 1)) >> 6] &= ~(<uint64_t>1 << (position & 63))
        heard.highest = index
    heard.seen[(index & (RTCP_WINDOW - 1)) >> 6] |= <uint64_t>1 << (index & 63)
