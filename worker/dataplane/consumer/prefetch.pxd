"""Fetching memory into the cache before it is needed."""

from miso.worker.rtp.enums cimport ROW_WORDS

cdef enum:
    LINE = 64  # bytes of a line of the cache; below, how many lines what each packet needs of an object may be in
    STREAM_LINES = 3
    CONSUMER_LINES = 4  # of what a consumer is more than a stream
    TRANSPORT_LINES = 3
    ENDPOINT_LINES = 2
    SELECTOR_LINES = 2
    SEQUENCE_LINES = 3
    TIMESTAMPS_LINES = 2
    RATE_LINES = 2
    INDEX_LINES = 2
    PROTECTION_LINES = 2
    KEYS_LINES = 5
    GHASH_LINES = 4  # behind these, with AES-GCM
    ESTIMATOR_LINES = 2
    SENT_LINES = 2


cdef extern from *:
    """
    #define miso_prefetch(address) __builtin_prefetch((address), 1, 3)
    """
    void prefetch "miso_prefetch"(const void *address) noexcept nogil


cdef inline void prefetch_lines(const void *begin, int count) noexcept:
    cdef int line
    for line in range(count):
        prefetch(<const char *>begin + LINE * line)


cdef inline void prefetch_row(const unsigned int *rows, int capacity, unsigned short number) noexcept:
    """Where a ``RetransmissionIndex`` will remember a packet, which may be in two lines."""
    cdef int row = (number & (capacity - 1)) * ROW_WORDS
    prefetch(&rows[row])
    prefetch(&rows[row + ROW_WORDS - 1])
