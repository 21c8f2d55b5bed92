# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Session keys, and packets that are protected and opened with them, by the code that was chosen for this CPU.

The only module that has the C of ``primitives/``.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free

from miso.worker.srtp import choice
from miso.worker.srtp_suite import SrtpSuite

cdef extern from "miso/worker/srtp/primitives/open.h" nogil:
    int LABELS_OF_RTCP
    int srtp_paths_here()
    void srtp_use(int paths)
    void srtp_wipe(void *memory, size_t size)
    void srtp_set_keys(
        SrtpKeys *keys, const uint8_t *key, int key_size, const uint8_t *salt, int salt_size, const uint8_t *auth, int tag_size
    )
    void srtp_derive_session_keys(
        const uint8_t *master, int key_size, int salt_size, int labels, uint8_t *key, uint8_t *salt, uint8_t *auth
    )
    void srtp_derive_keys(
        SrtpKeys *keys, const uint8_t *master, int key_size, int salt_size, int labels, int tag_size, int is_gcm
    )
    void srtp_protect_all(const SrtpWork *work, int count)
    int srtp_open(const SrtpWork *work)
    void srtcp_protect(const SrtpKeys *keys, uint8_t *packet, int size, uint32_t index)
    uint32_t srtcp_index(const SrtpKeys *keys, const uint8_t *packet, int size)
    int srtcp_open(const SrtpKeys *keys, uint8_t *packet, int size)

cdef extern from "stdlib.h" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef enum:
    LINE = 64  # bytes of a line of the cache, on which keys begin
    MAX_KEY_SIZE = 32

_TAG_SIZES = {
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: 10,
    SrtpSuite.AES_CM_128_HMAC_SHA1_32: 4,
    SrtpSuite.AEAD_AES_128_GCM: 16,
    SrtpSuite.AEAD_AES_256_GCM: 16,
}
_RTCP_TAG_SIZE = 10  # of AES_CM_128_HMAC_SHA1_32, too (RFC 5764 section 4.1.2)
_GCM = (SrtpSuite.AEAD_AES_128_GCM, SrtpSuite.AEAD_AES_256_GCM)

cdef int parts_in_use = 0


def parts_here():
    """What this CPU has of what ``choice`` names; without ``choice.AES`` no keys can be made."""
    return srtp_paths_here()


def in_use():
    """The parts that are used, 0 where the code cannot run."""
    return parts_in_use


def use(int parts):
    """From now on no more than these parts are used; gives those that are, 0 where the code cannot run."""
    global parts_in_use
    parts &= srtp_paths_here()
    if not parts & PATH_AES:
        parts = 0
    parts_in_use = parts
    srtp_use(parts)
    return parts


assert (choice.AES, choice.SHA, choice.AVX2) == (PATH_AES, PATH_SHA, PATH_AVX2)
assert (choice.AVX512, choice.VAES) == (PATH_AVX512, PATH_VAES)
use(choice.allowed_parts())


cdef class SessionKeys:
    """The session keys of one master key; wiped when nobody holds them any more."""

    def __cinit__(self, suite, bytes key not None, *, bint rtcp=False, bytes salt=None, bytes auth_key=b""):
        cdef int key_size = suite.key_size, salt_size = suite.salt_size, tag_size = _TAG_SIZES[suite]
        cdef bint is_gcm = suite in _GCM
        if not parts_in_use:
            raise ValueError("this CPU has no instructions for AES, or they are not to be used")
        if rtcp and not is_gcm:
            tag_size = _RTCP_TAG_SIZE
        if posix_memalign(<void **>&self.keys, LINE, sizeof(SrtpKeys)) != 0:
            raise MemoryError
        if salt is None:
            _check("master key", key, suite.keying_size)
            srtp_derive_keys(self.keys, key, key_size, salt_size, LABELS_OF_RTCP if rtcp else 0, tag_size, is_gcm)
            return
        _check("encryption key", key, key_size)
        _check("salt", salt, salt_size)
        _check("authentication key", auth_key, 0 if is_gcm else SRTP_AUTH_KEY_SIZE)
        srtp_set_keys(
            self.keys, key, key_size, salt, salt_size, NULL if is_gcm else <const uint8_t *>auth_key, tag_size
        )

    def __dealloc__(self):
        if self.keys != NULL:
            srtp_wipe(self.keys, sizeof(SrtpKeys))
            free(self.keys)


def derive(suite, bytes key not None, *, bint rtcp=False):
    """The session's encryption key, salt and (not with GCM) key for HMAC of a master key with its salt."""
    cdef uint8_t encryption[MAX_KEY_SIZE]
    cdef uint8_t salt[SRTP_SALT_ROOM]
    cdef uint8_t auth[SRTP_AUTH_KEY_SIZE]
    _check("master key", key, suite.keying_size)
    srtp_derive_session_keys(
        key, suite.key_size, suite.salt_size, LABELS_OF_RTCP if rtcp else 0, encryption, salt, auth
    )
    return encryption[: suite.key_size], salt[: suite.salt_size], b"" if suite in _GCM else auth[:SRTP_AUTH_KEY_SIZE]


def _check(what, key, expected):
    if len(key) != expected:
        raise ValueError(f"SRTP {what} has {len(key)} bytes, expected {expected}")


cdef bint can_run() noexcept:
    """Whether keys can be made here."""
    return parts_in_use != 0


cdef void protect_all(const SrtpWork *work, int count) noexcept nogil:
    """Protects up to ``SRTP_MAX_AT_ONCE`` packets in place; each becomes longer by the tag of its keys.

    Each must have ``SRTP_ROOM_BEHIND`` bytes behind it, which are written over.
    """
    srtp_protect_all(work, count)


cdef bint open_rtp(const SrtpWork *work) noexcept nogil:
    """Whether a packet is genuine, whose size is told without its tag: then it is decrypted in place."""
    return srtp_open(work)


cdef void protect_rtcp(const SrtpKeys *keys, uint8_t *packet, int size, uint32_t index) noexcept nogil:
    """Protects in place; ``RTCP_INDEX_SIZE`` and the tag of the keys are written behind."""
    srtcp_protect(keys, packet, size, index)


cdef uint32_t rtcp_index(const SrtpKeys *keys, const uint8_t *packet, int size) noexcept nogil:
    """That of a packet whose size is told without index and tag."""
    return srtcp_index(keys, packet, size)


cdef bint open_rtcp(const SrtpKeys *keys, uint8_t *packet, int size) noexcept nogil:
    """Whether such a packet is genuine: then it is decrypted in place.

    With AES-GCM it may be in clear, with AES_CM that is refused: as by libsrtp, which peers were made with.
    """
    return srtcp_open(keys, packet, size)
