"""Declares keys, and packets that are protected with them, many at once."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from "miso/worker/srtp/primitives/keys.h" nogil:
    enum:
        SRTP_MAX_AT_ONCE
        SRTP_ROOM_BEHIND
        SRTP_SALT_ROOM
        SRTP_AUTH_KEY_SIZE
        PATH_AES
        PATH_SHA
        PATH_AVX2
        PATH_AVX512
        PATH_VAES
    ctypedef struct SrtpKeys:
        uint8_t tag_size
        uint8_t is_gcm
    ctypedef struct SrtpWork:
        const SrtpKeys *keys
        uint8_t *packet
        int size
        int payload_at
        uint64_t index


cdef class OutgoingKeys:
    cdef SrtpKeys *keys


cdef bint can_run() noexcept
cdef void protect_all(const SrtpWork *work, int count) noexcept nogil
