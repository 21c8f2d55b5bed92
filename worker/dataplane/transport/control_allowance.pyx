# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""How many control packets of one peer are looked at: what is beyond is dropped before a Python object is made of it.

A forwarded packet costs microseconds of compiled code, a control packet tens or hundreds of Python, and everybody of a
worker waits for it. The rates are several times what browsers need:

* STUN: Chromium checks 20 times a second while it connects, Firefox 50 at most; then each every few seconds.
* RTCP: a receiver of a hundred streams sends a few hundred packets a second, and more when all of them have losses. What
  a packet costs depends on what is in it, so the allowance is one of time, and grows with the transport's streams.
* DTLS: a handshake is a dozen datagrams; data channels are as many as control lets through.
"""

from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.token_bucket cimport take

cdef enum:
    CHECKS_PER_SECOND = 30  # over one tuple
    CHECKS_AT_ONCE = 60
    ALL_CHECKS_PER_SECOND = 100  # over all tuples of the transport
    ALL_CHECKS_AT_ONCE = 200
    STRANGERS_PER_SECOND = 50  # from all addresses that are no valid tuple, yet
    STRANGERS_AT_ONCE = 100
    RTCP_US_PER_SECOND = 20000
    RTCP_US_PER_STREAM = 200
    RTCP_COMPOUND_US = 6  # what a compound packet costs on the machine of docs/performance.md
    RTCP_PACKET_US = 2
    RTCP_NACK_US = 5  # more, since packets are looked up and sent again
    TRANSPORT_FEEDBACK = 205  # packet type, of which NACK is format 1 (RFC 4585 section 6.1)
    NACK = 1
    RTCP_BYTES_PER_US = 8
    DTLS_PER_SECOND = 1000
    TELL_EVERY_US = 1000000


cdef int rtcp_cost_us(const unsigned char *data, int size) noexcept:
    """Microseconds that control will work on a compound packet, about."""
    cdef int at = 0, packets = 0, nacks = 0
    while at + 4 <= size:
        packets += 1
        nacks += data[at + 1] == TRANSPORT_FEEDBACK and data[at] & 0x1F == NACK
        at += 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    return RTCP_COMPOUND_US + RTCP_PACKET_US * packets + RTCP_NACK_US * nacks + size // RTCP_BYTES_PER_US


cdef class ControlAllowance:
    """What one transport's peer may ask of control."""

    def __cinit__(self):
        self.dtls_per_second = DTLS_PER_SECOND

    cdef bint admit_check(self, const PeerKey *source, int64_t now_us) noexcept:
        """A STUN message with one of our username fragments; NULL: from an address that has not proven itself."""
        cdef TupleBucket *mine = NULL
        cdef int index
        if source == NULL:
            if take(&self._strangers, STRANGERS_PER_SECOND, STRANGERS_AT_ONCE, 1, now_us):
                return True
            self.stun += 1
            return False
        for index in range(TUPLES):
            mine = &self._tuples[index]
            if mine.key.low == source.low and mine.key.port == source.port and mine.key.high == source.high:
                break
        else:
            mine = self._oldest()
            mine.key = source[0]
            mine.bucket.filled_us = 0
        if take(&mine.bucket, CHECKS_PER_SECOND, CHECKS_AT_ONCE, 1, now_us) and take(
            &self._checks, ALL_CHECKS_PER_SECOND, ALL_CHECKS_AT_ONCE, 1, now_us
        ):
            return True
        self.stun += 1
        return False

    cdef void return_check(self, const PeerKey *source) noexcept:
        """Takes ``admit_check`` back, of a message from a valid tuple that is to be admitted again."""
        cdef int index
        for index in range(TUPLES):
            if (
                self._tuples[index].key.low == source.low
                and self._tuples[index].key.port == source.port
                and self._tuples[index].key.high == source.high
            ):
                self._tuples[index].bucket.level += 1
                break
        self._checks.level += 1

    cdef TupleBucket *_oldest(self) noexcept:
        cdef int index
        cdef TupleBucket *result = &self._tuples[0]
        for index in range(1, TUPLES):
            if self._tuples[index].bucket.filled_us < result.bucket.filled_us:
                result = &self._tuples[index]
        return result

    cdef bint admit_rtcp(self, const unsigned char *data, int size, unsigned int streams, int64_t now_us) noexcept:
        """A compound packet that SRTP let pass; ``streams`` go in and out over the transport."""
        cdef double allowed_us = RTCP_US_PER_SECOND + <double>RTCP_US_PER_STREAM * streams
        if take(&self._rtcp, allowed_us, allowed_us, rtcp_cost_us(data, size), now_us):
            return True
        self.rtcp += 1
        return False

    cdef bint admit_dtls(self, int64_t now_us) noexcept:
        """What looks like a DTLS datagram."""
        if take(&self._dtls, self.dtls_per_second, self.dtls_per_second, 1, now_us):
            return True
        self.dtls += 1
        return False

    cdef bint is_news(self, int64_t now_us) noexcept:
        """Something was dropped: whether control is to be told, once a second."""
        if self._told_us != 0 and now_us - self._told_us < TELL_EVERY_US:
            return False
        self._told_us = now_us
        return True
