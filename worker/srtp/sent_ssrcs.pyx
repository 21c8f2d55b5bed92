# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Which SSRCs are sent under one key, and how far each came that was.

An SSRC has one sender at a time, and a later one goes on where the earlier one ended: under the same key the same index
would be the same keystream (RFC 3711 section 9.1: SSRCs are unique among the streams that share a master key).
"""

from libc.stdint cimport int64_t

from miso.worker.srtp.outgoing cimport Protection
from miso.worker.srtp.rollover cimport UsedIndices

from miso.worker.errors import InvalidStateError

cdef enum:
    MAX_SSRCS = 65536  # under one key, some 7 MB when all are used


cdef class SentSsrcs:
    """The SSRCs of one transport."""

    def __cinit__(self):
        self._live = set()
        self._ended = {}

    cdef int claim(self, unsigned int ssrc) except -1:
        """A sender sends with it from now on.

        Raises:
            InvalidStateError: Another one does, or so many did that none can be remembered any more.
        """
        if ssrc in self._live:
            raise InvalidStateError(f"SSRC {ssrc} is sent by this transport already, two streams with it would share an SRTP keystream")
        if len(self._live) + len(self._ended) >= MAX_SSRCS and ssrc not in self._ended:
            raise InvalidStateError(f"the transport has sent with {MAX_SSRCS} SSRCs under one SRTP key, it takes no more")
        self._live.add(ssrc)
        return 0

    cdef int release(self, unsigned int ssrc, Protection protection) except -1:
        """Its sender has ended; ``protection`` is what it had, None when it never had a key."""
        cdef const UsedIndices *sent
        self._live.discard(ssrc)
        if protection is not None:
            sent = protection.sent_by(ssrc)
            if sent != NULL and sent.is_used:
                self._ended[ssrc] = sent.highest
        return 0

    cdef int64_t highest(self, unsigned int ssrc) except -2:
        """The index with which its sender before ended, -1: none sent with it."""
        return self._ended.get(ssrc, -1)

    cdef void begin_again(self) noexcept:
        """Another key: all indices are free."""
        self._ended.clear()
