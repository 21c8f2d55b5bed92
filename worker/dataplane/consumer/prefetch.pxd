"""Fetching memory into the cache before it is needed."""

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.bwe.sent_packets cimport SentPackets
from miso.worker.dataplane.transport.sending_half cimport SendingHalf

cdef enum:
    LINE = 64  # bytes of a line of the cache; below, lines that an object's hot part takes
    RATE_LINES = 5
    ESTIMATOR_LINES = 5
    SENT_LINES = 2
    ENDPOINT_LINES = 2


cdef extern from *:
    """
    #define miso_prefetch(address) __builtin_prefetch((address), 1, 3)
    """
    void prefetch "miso_prefetch"(const void *address) noexcept nogil


cdef inline void prefetch_lines(void *begin, int count) noexcept:
    cdef int line
    for line in range(count):
        prefetch(<char *>begin + LINE * line)


cdef inline void prefetch_transport(SendingHalf transport) noexcept:
    """What the parts of a transport that has been fetched point to."""
    prefetch_lines(<void *>transport.rtp_sent, RATE_LINES)
    prefetch_lines(<void *>transport.sent, RATE_LINES)
    prefetch_lines(<void *>transport.outgoing, ESTIMATOR_LINES)
    prefetch_lines(<void *>transport.endpoint, ENDPOINT_LINES)


cdef inline void prefetch_estimator(SendSideEstimator outgoing) noexcept:
    """Likewise of an estimator."""
    prefetch_lines(<void *>outgoing._sent, SENT_LINES)
    prefetch(<void *>outgoing._probe_sender)
    prefetch_lines(<void *>outgoing._sending, RATE_LINES)


cdef inline void prefetch_sent_packet(SentPackets sent) noexcept:
    """Where the next packet will be remembered."""
    prefetch(&sent._packets[(sent.newest + 1) & sent._mask])
