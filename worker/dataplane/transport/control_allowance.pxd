"""How many control packets of one peer are looked at: what is beyond is dropped before a Python object is made of it."""

from libc.stdint cimport int64_t

from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.token_bucket cimport TokenBucket

cdef enum:
    TUPLES = 8  # of one transport, as many as its ICE agent keeps (``miso.worker.ice.server.MAX_TUPLES``)


cdef struct TupleBucket:
    PeerKey key
    TokenBucket bucket


cdef class ControlAllowance:
    cdef public unsigned int dtls_per_second
    cdef readonly unsigned long long stun, rtcp, dtls, repairs  # dropped since creation
    cdef TokenBucket _strangers  # STUN from addresses that are no valid tuple, yet
    cdef TokenBucket _checks  # STUN from valid tuples, all together; below, from each
    cdef TupleBucket _tuples[TUPLES]
    cdef TokenBucket _rtcp  # in microseconds of control's time
    cdef TokenBucket _dtls
    cdef int64_t _told_us  # when control heard of it last, 0: never

    cdef TupleBucket *_oldest(self) noexcept
    cdef bint admit_check(self, const PeerKey *source, int64_t now_us) noexcept
    cdef void return_check(self, const PeerKey *source) noexcept
    cdef bint admit_rtcp(self, const unsigned char *data, int size, unsigned int streams, int64_t now_us) noexcept
    cdef bint admit_dtls(self, int64_t now_us) noexcept
    cdef bint is_news(self, int64_t now_us) noexcept


cdef int rtcp_cost_us(const unsigned char *data, int size) noexcept
