# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""HMAC-SHA1 (RFC 2104), by which STUN messages are authenticated.

``hmac`` has the system's OpenSSL do it, which nothing else in a join needs: a worker that has slept finds it cold.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t

cdef extern from "miso/worker/srtp/primitives/hmac.h" nogil:
    ctypedef void (*sha1_call)(uint32_t *state, const uint8_t *const *messages, int blocks)
    void sha1_plain(uint32_t *state, const uint8_t *const *messages, int blocks)
    void hmac_set_key(HmacKey *key, const uint8_t *secret, int size)
    void hmac_sha1(
        sha1_call single, const HmacKey *key, const uint8_t *data, int size, const uint8_t *tail, int tail_size, uint8_t *digest
    )
    int hmac_is_equal(const uint8_t *a, const uint8_t *b, int size)


cdef void make_key(HmacKey *key, const uint8_t *secret, Py_ssize_t size) noexcept:
    """Of a secret of any size."""
    hmac_set_key(key, secret, <int>size)


cdef void authenticate(const HmacKey *key, const uint8_t *message, Py_ssize_t size, uint8_t *digest) noexcept:
    """Writes the ``DIGEST_SIZE`` bytes."""
    hmac_sha1(sha1_plain, key, message, <int>size, NULL, 0, digest)


cdef bint is_same(const uint8_t *one, const uint8_t *other) noexcept:
    """Compares two digests; the time that it takes tells nothing of how much is right."""
    return hmac_is_equal(one, other, DIGEST_SIZE)


def digest(bytes secret not None, const uint8_t[::1] message not None):
    cdef HmacKey key
    cdef uint8_t made[DIGEST_SIZE]
    make_key(&key, <const uint8_t *>PyBytes_AS_STRING(secret), PyBytes_GET_SIZE(secret))
    authenticate(&key, &message[0] if message.shape[0] > 0 else NULL, message.shape[0], made)
    return PyBytes_FromStringAndSize(<char *>made, DIGEST_SIZE)


def verify(bytes secret not None, const uint8_t[::1] message not None, bytes signature not None):
    cdef bytes right = digest(secret, message)
    return PyBytes_GET_SIZE(signature) == DIGEST_SIZE and is_same(
        <const uint8_t *>PyBytes_AS_STRING(right), <const uint8_t *>PyBytes_AS_STRING(signature)
    )
