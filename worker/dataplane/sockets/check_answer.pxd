"""Declares who answers the connectivity checks that change nothing."""

from libc.stdint cimport uint8_t

from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.hmac_sha1 cimport HmacKey

cdef enum:
    MAX_ANSWER = 80  # bytes: with an IPv6 address


cdef class CheckAnswer:
    cdef readonly long long answered_us
    cdef bytes _username  # what a USERNAME begins with: our fragment and a colon; None: nothing is answered
    cdef HmacKey _key  # the password
    cdef bint _nominated

    cdef int find_integrity(self, const uint8_t *data, int size) noexcept
    cdef bint _is_allowed(self, int kind, const uint8_t *value, int size, unsigned int *seen) noexcept
    cdef bint _is_ours(self, const uint8_t *value, int size) noexcept
    cdef int answer(self, const uint8_t *data, int integrity_at, const PeerKey *source, uint8_t *answer) noexcept
    cdef void _authenticate(self, const uint8_t *data, int size, uint8_t *digest) noexcept
