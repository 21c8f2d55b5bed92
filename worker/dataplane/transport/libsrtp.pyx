# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""SRTP (RFC 3711, RFC 7714) through the libsrtp inside the pylibsrtp wheel, called by function pointer.

Where ``miso.worker.srtp`` cannot, or may not, do it.

The only file that knows pylibsrtp's private names: ``_binding.lib`` and ``ffi``, ``Policy._policy``. They are checked by
``load``.
"""

from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memcpy, memset

from miso.worker.rtp.big_endian cimport write_u16, write_u32
from miso.worker.rtp.enums cimport FIXED_HEADER_SIZE, SSRC_AT
from miso.worker.srtp.cipher cimport SrtpWork
from miso.worker.srtp.incoming cimport Incoming
from miso.worker.srtp.outgoing cimport REFUSED, Protection
from miso.worker.srtp.rollover cimport HALF
from miso.worker.srtp.srtcp cimport OutgoingRtcp

from miso.worker.srtp_suite import SrtpSuite

KNOWN_VERSIONS = "1.0.x"
REPLAY_WINDOW = 1024  # packets; libsrtp's own default of 128 is less than a frame of high definition
TRAILER_SIZE = 144  # SRTP_MAX_TRAILER_LEN: a tag of 16 and a key identifier of 128 bytes

cdef enum:
    RTP_VERSION_2 = 0x80  # the first byte of a header without anything
    SCRATCH_WORDS = 40  # of four bytes: a header, and `TRAILER_SIZE` behind it

ctypedef int (*srtp_call)(void *session, void *packet, int *size) noexcept nogil
ctypedef int (*srtp_ssrc_call)(void *session, unsigned int ssrc_network_order) noexcept nogil
ctypedef int (*srtp_create_call)(void **session, void *policy) noexcept nogil
ctypedef int (*srtp_dealloc_call)(void *session) noexcept nogil

cdef srtp_create_call srtp_create
cdef srtp_dealloc_call srtp_dealloc
cdef srtp_call srtp_protect = NULL
cdef srtp_call srtp_unprotect
cdef srtp_call srtp_protect_rtcp
cdef srtp_call srtp_unprotect_rtcp
cdef srtp_ssrc_call srtp_remove_stream
cdef object pylibsrtp = None

cdef extern from "arpa/inet.h" nogil:
    unsigned int htonl(unsigned int value)

_policies = {}
_PROFILES = {  # by their names in pylibsrtp.Policy
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: "SRTP_PROFILE_AES128_CM_SHA1_80",
    SrtpSuite.AES_CM_128_HMAC_SHA1_32: "SRTP_PROFILE_AES128_CM_SHA1_32",
    SrtpSuite.AEAD_AES_128_GCM: "SRTP_PROFILE_AEAD_AES_128_GCM",
    SrtpSuite.AEAD_AES_256_GCM: "SRTP_PROFILE_AEAD_AES_256_GCM",
}


def load():
    """Imports pylibsrtp, which takes 20 ms and 5 MB; the first session does it when nobody has before. Idempotent.

    Raises:
        ImportError: pylibsrtp is missing, or a version that keeps its functions or policies elsewhere.
    """
    global pylibsrtp, srtp_create, srtp_dealloc
    global srtp_protect, srtp_unprotect, srtp_protect_rtcp, srtp_unprotect_rtcp, srtp_remove_stream
    if srtp_protect != NULL:
        return
    import pylibsrtp as imported

    pylibsrtp = imported
    _policy(SrtpSuite.AEAD_AES_256_GCM, True)
    srtp_create = <srtp_create_call><uintptr_t>_address("srtp_create")
    srtp_dealloc = <srtp_dealloc_call><uintptr_t>_address("srtp_dealloc")
    srtp_unprotect = <srtp_call><uintptr_t>_address("srtp_unprotect")
    srtp_protect_rtcp = <srtp_call><uintptr_t>_address("srtp_protect_rtcp")
    srtp_unprotect_rtcp = <srtp_call><uintptr_t>_address("srtp_unprotect_rtcp")
    srtp_remove_stream = <srtp_ssrc_call><uintptr_t>_address("srtp_remove_stream")
    srtp_protect = <srtp_call><uintptr_t>_address("srtp_protect")


def _address(name):
    try:
        from pylibsrtp._binding import ffi, lib

        return int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))
    except (ImportError, AttributeError, TypeError) as error:
        raise ImportError(
            f"pylibsrtp {pylibsrtp.__version__} has no {name} where it is known to be: versions {KNOWN_VERSIONS} are known to work"
        ) from error


cdef class SessionPolicy:
    """All that sessions of one suite have in common, and room for the key of the one that is being made."""

    cdef object _owner  # pylibsrtp's, which frees both
    cdef void *_policy  # libsrtp's
    cdef unsigned char *_key
    cdef int _key_size

    def __cinit__(self, suite, bint inbound):
        owner = self._owner = pylibsrtp.Policy(
            key=bytes(suite.keying_size),
            ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND if inbound else pylibsrtp.Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=getattr(pylibsrtp.Policy, _PROFILES[suite]),
        )
        owner.allow_repeat_tx = True  # a packet that is sent again without RTX keeps its index
        owner.window_size = REPLAY_WINDOW
        self._key_size = suite.keying_size
        try:
            from pylibsrtp._binding import ffi

            self._policy = <void *><uintptr_t>int(ffi.cast("uintptr_t", owner._policy))
            self._key = <unsigned char *><uintptr_t>int(ffi.cast("uintptr_t", owner._policy.key))
        except (ImportError, AttributeError, TypeError) as error:
            raise ImportError(
                f"pylibsrtp {pylibsrtp.__version__} keeps its policy elsewhere: versions {KNOWN_VERSIONS} are known to work"
            ) from error

    cdef int make_session(self, const unsigned char *key, void **session) noexcept:
        """libsrtp's status, 0 for success; the key does not stay here."""
        cdef int status
        memcpy(self._key, key, self._key_size)
        status = srtp_create(session, self._policy)
        memset(self._key, 0, self._key_size)
        return status


cdef SessionPolicy _policy(suite, bint inbound):
    """Made once, since to make one costs as much as a session does."""
    policy = _policies.get((suite, inbound))
    if policy is None:
        policy = _policies[suite, inbound] = SessionPolicy(suite, inbound)
    return policy


cdef class SrtpSession:
    """One libsrtp session, for all SSRCs that come in or all that go out with it.

    A packet handed to the methods must be aligned to four bytes, with ``TRAILER_SIZE`` bytes free behind it to protect. They
    return libsrtp's status, 0 for success, and change ``size``.
    """

    def __cinit__(self, suite, bytes key not None, *, bint inbound):
        cdef int status
        suite.check(key)
        load()
        status = _policy(suite, inbound).make_session(key, &self._handle)
        if status != 0:
            raise RuntimeError(f"libsrtp makes no session, status {status}")

    def __dealloc__(self):
        if self._handle != NULL:
            srtp_dealloc(self._handle)

    cdef int protect(self, unsigned char *packet, int *size) noexcept:
        return srtp_protect(self._handle, packet, size)

    cdef int unprotect(self, unsigned char *packet, int *size) noexcept:
        return srtp_unprotect(self._handle, packet, size)

    cdef int protect_rtcp(self, unsigned char *packet, int *size) noexcept:
        return srtp_protect_rtcp(self._handle, packet, size)

    cdef int unprotect_rtcp(self, unsigned char *packet, int *size) noexcept:
        return srtp_unprotect_rtcp(self._handle, packet, size)


cdef class LibsrtpIncoming(Incoming):
    """What comes in, opened by libsrtp."""

    def __init__(self, suite, bytes key not None):
        self._session = SrtpSession(suite, key, inbound=True)

    cdef bint unprotect(self, unsigned char *packet, int *size) noexcept:
        return self._session.unprotect(packet, size) == 0

    cdef bint unprotect_rtcp(self, unsigned char *packet, int *size) noexcept:
        return self._session.unprotect_rtcp(packet, size) == 0

    cdef void forget(self, unsigned int ssrc) noexcept:
        """Frees what libsrtp made for an SSRC it heard: its list of streams is searched for each packet."""
        srtp_remove_stream(self._session._handle, htonl(ssrc))


cdef class LibsrtpRtcp(OutgoingRtcp):
    """RTCP that goes out, protected by libsrtp."""

    def __init__(self, suite, bytes key not None):
        self._session = SrtpSession(suite, key, inbound=False)

    cdef bint protect_rtcp(self, unsigned char *packet, int *size) noexcept:
        return self._session.protect_rtcp(packet, size) == 0


cdef class LibsrtpProtection(Protection):
    """A sender's packets protected by libsrtp, one after the other.

    libsrtp searches its list of streams for each packet: each sender has a session of its own. Which packets may go out
    is decided before, as with our own code: libsrtp lets a number be used again for whatever packet.
    """

    def __init__(self, suite, bytes key not None):
        self._session = SrtpSession(suite, key, inbound=False)

    cdef int add(self, unsigned int ssrc, int64_t highest) except -1:
        Protection.add(self, ssrc, highest)
        self._wind_to(ssrc, highest)
        return 0

    cdef void _wind_to(self, unsigned int ssrc, int64_t highest) noexcept:
        """libsrtp's counter goes on after this index: it is led there with packets that nobody gets.

        A session tells no other way to set it (pylibsrtp has no ``srtp_set_stream_roc``), and a packet more for each
        half of a turn costs a microsecond.
        """
        cdef unsigned int memory[SCRATCH_WORDS]
        cdef unsigned char *packet = <unsigned char *>memory
        cdef int64_t index = 0
        cdef int size
        while highest >= 0:
            size = FIXED_HEADER_SIZE
            memset(packet, 0, size)
            packet[0] = RTP_VERSION_2
            write_u16(packet + 2, index & 0xFFFF)
            write_u32(packet + SSRC_AT, ssrc)
            self._session.protect(packet, &size)
            if index == highest:
                return
            index = min(index + HALF - 1, highest)

    cdef int admit(self, unsigned char *packet, int size, bint is_repeat, SrtpWork *work) noexcept:
        if self.take(packet, size, is_repeat, &work.index) < 0:
            return REFUSED
        return size if self._session.protect(packet, &size) == 0 else REFUSED
