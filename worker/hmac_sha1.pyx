# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""HMAC-SHA1 (RFC 2104), by which STUN messages are authenticated.

``hmac`` has the system's OpenSSL do it, which nothing else in a join needs: a worker that has slept finds it cold.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from "miso/worker/srtp/primitives/sha1.h" nogil:
    enum:
        SHA1_BLOCK
        SHA1_SIZE
    const uint32_t SHA1_START[5]
    void sha1_plain(uint32_t *state, const uint8_t *const *messages, int blocks)

cdef enum:
    INNER_PAD = 0x36
    OUTER_PAD = 0x5C
    LENGTH_SIZE = 8  # of a message, at its very end


cdef void _begin(uint32_t *state, const uint8_t *secret, Py_ssize_t size, uint8_t pad) noexcept:
    """The state of SHA-1 after the block of the key."""
    cdef uint8_t block[64]
    cdef const uint8_t *at = block
    cdef Py_ssize_t index
    memset(block, pad, SHA1_BLOCK)
    for index in range(size):
        block[index] ^= secret[index]
    memcpy(state, SHA1_START, SHA1_SIZE)
    sha1_plain(state, &at, 1)


cdef void _end(uint32_t *state, const uint8_t *message, Py_ssize_t size, Py_ssize_t before, uint8_t *digest) noexcept:
    """Hashes a message, of which so many bytes ``before`` are in ``state`` already, to its end."""
    cdef uint8_t rest[128]
    cdef const uint8_t *at = rest
    cdef uint64_t bits = 8 * <uint64_t>(before + size)
    cdef Py_ssize_t blocks = size // SHA1_BLOCK, left = size % SHA1_BLOCK
    cdef int index, padded = SHA1_BLOCK if left + 1 + LENGTH_SIZE <= SHA1_BLOCK else 2 * SHA1_BLOCK
    if blocks > 0:
        sha1_plain(state, &message, <int>blocks)
    memset(rest, 0, padded)
    if left > 0:  # without anything there may be no address either
        memcpy(rest, message + size - left, left)
    rest[left] = 0x80
    for index in range(LENGTH_SIZE):
        rest[padded - 1 - index] = bits >> 8 * index & 0xFF
    sha1_plain(state, &at, padded // SHA1_BLOCK)
    for index in range(SHA1_SIZE):
        digest[index] = state[index // 4] >> 8 * (3 - index % 4) & 0xFF


cdef void make_key(HmacKey *key, const uint8_t *secret, Py_ssize_t size) noexcept:
    """Of a secret of any size."""
    cdef uint8_t digest[DIGEST_SIZE]
    cdef uint32_t state[5]
    if size > SHA1_BLOCK:
        memcpy(state, SHA1_START, SHA1_SIZE)
        _end(state, secret, size, 0, digest)
        secret, size = digest, DIGEST_SIZE
    _begin(key.inner, secret, size, INNER_PAD)
    _begin(key.outer, secret, size, OUTER_PAD)


cdef void authenticate(const HmacKey *key, const uint8_t *message, Py_ssize_t size, uint8_t *digest) noexcept:
    """Writes the ``DIGEST_SIZE`` bytes."""
    cdef uint32_t state[5]
    memcpy(state, key.inner, SHA1_SIZE)
    _end(state, message, size, SHA1_BLOCK, digest)
    memcpy(state, key.outer, SHA1_SIZE)
    _end(state, digest, DIGEST_SIZE, SHA1_BLOCK, digest)


cdef bint is_same(const uint8_t *one, const uint8_t *other) noexcept:
    """Compares two digests; the time that it takes tells nothing of how much is right."""
    cdef uint8_t differing = 0
    cdef int index
    for index in range(DIGEST_SIZE):
        differing |= one[index] ^ other[index]
    return differing == 0


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
