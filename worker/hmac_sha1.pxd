"""Declares HMAC-SHA1 for other compiled modules: what begins with the key is hashed once."""

from libc.stdint cimport uint8_t

cdef extern from "miso/worker/srtp/primitives/keys.h" nogil:
    ctypedef struct HmacKey:
        pass

cdef enum:
    DIGEST_SIZE = 20  # bytes

cdef void make_key(HmacKey *key, const uint8_t *secret, Py_ssize_t size) noexcept
cdef void authenticate(const HmacKey *key, const uint8_t *message, Py_ssize_t size, uint8_t *digest) noexcept
cdef bint is_same(const uint8_t *one, const uint8_t *other) noexcept
