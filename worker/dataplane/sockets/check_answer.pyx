# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Answers connectivity checks that change nothing, as ``miso.worker.ice.server`` would, without a Python object.

Those are the checks by which a connected peer consents, every few seconds (RFC 7675), over the tuple that is selected.
Whatever is unusual about one, or wrong, is left to control: this knows only the way that is gone every time.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.hmac_sha1 cimport DIGEST_SIZE, authenticate, is_same, make_key
from miso.worker.rtp.big_endian cimport read_u32, write_u16, write_u32

cdef enum:
    HEADER_SIZE = 20
    BINDING_REQUEST = 0x0001
    BINDING_SUCCESS = 0x0101
    COOKIE = 0x2112A442
    USERNAME = 0x0006  # attributes (RFC 8489 section 18.3, RFC 8445 section 20.2)
    MESSAGE_INTEGRITY = 0x0008
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    FIRST_OPTIONAL = 0x8000
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A
    NOMINATION = 0xC001
    INTEGRITY_SIZE = 24  # with type and length, likewise below
    FINGERPRINT_SIZE = 8
    FINGERPRINT_XOR = 0x5354554E
    MAX_REQUEST = 512  # bytes; browsers send some 100
    IPV4 = 1
    IPV6 = 2
    SAW_USERNAME = 1  # bits of what a request has had so far
    SAW_PRIORITY = 2
    SAW_USE_CANDIDATE = 4
    SAW_CONTROLLING = 8

cdef const uint8_t *MAPPED = b"\0\0\xff\xff"  # what an IPv4 address has before it in a PeerKey

# CRC-32 (ITU V.42) by bytes
cdef uint32_t CRC[256]


cdef void _make_crc_table() noexcept:
    cdef uint32_t value
    cdef int index, bit
    for index in range(256):
        value = index
        for bit in range(8):
            value = value >> 1 ^ (0xEDB88320U if value & 1 else 0)
        CRC[index] = value


_make_crc_table()


cdef uint32_t crc32(const uint8_t *data, int size) noexcept:
    cdef uint32_t value = 0xFFFFFFFFU
    cdef int index
    for index in range(size):
        value = value >> 8 ^ CRC[(value ^ data[index]) & 0xFF]
    return ~value


cdef class CheckAnswer:
    """What one transport's peer is answered over the selected tuple.

    Attributes:
        answered_us: when a check was answered last, 0: never since ``expect``.
    """

    def expect(self, str fragment not None, str password not None, bint nominated):
        """Answers checks for this username fragment; those that nominate only if the tuple is ``nominated`` already."""
        cdef bytes secret = password.encode()
        make_key(&self._key, secret, len(secret))
        self._username = fragment.encode() + b":"
        self._nominated = nominated
        self.answered_us = 0

    def forget(self):
        """Answers nothing any more."""
        self._username = None
        self.answered_us = 0

    cdef int find_integrity(self, const uint8_t *data, int size) noexcept:
        """Where a request of the usual form has MESSAGE-INTEGRITY, before FINGERPRINT; 0: control looks at it."""
        cdef unsigned int seen = 0
        cdef int at = HEADER_SIZE, kind, length = 0
        if self._username is None or size > MAX_REQUEST or size < HEADER_SIZE or size & 3:
            return 0
        if data[0] << 8 | data[1] != BINDING_REQUEST or data[2] << 8 | data[3] != size - HEADER_SIZE:
            return 0
        if read_u32(data + 4) != COOKIE:
            return 0
        while at + 4 <= size:
            kind = data[at] << 8 | data[at + 1]
            length = data[at + 2] << 8 | data[at + 3]
            if kind == MESSAGE_INTEGRITY:
                break
            if at + 4 + length > size or not self._is_allowed(kind, data + at + 4, length, &seen):
                return 0
            at += 4 + ((length + 3) & ~3)
        if at + INTEGRITY_SIZE + FINGERPRINT_SIZE != size or length != INTEGRITY_SIZE - 4:
            return 0
        if read_u32(data + at + INTEGRITY_SIZE) != (<uint32_t>FINGERPRINT << 16 | FINGERPRINT_SIZE - 4):
            return 0
        return at if seen & SAW_USERNAME and seen & SAW_PRIORITY else 0

    cdef bint _is_allowed(self, int kind, const uint8_t *value, int size, unsigned int *seen) noexcept:
        """Whether an attribute asks for nothing unusual; of one that counts there may be no second."""
        cdef unsigned int mark
        if kind == USERNAME and self._is_ours(value, size):
            mark = SAW_USERNAME
        elif kind == PRIORITY and size == 4 and read_u32(value) != 0:
            mark = SAW_PRIORITY
        elif kind == USE_CANDIDATE and size == 0 and self._nominated:
            mark = SAW_USE_CANDIDATE
        elif kind == ICE_CONTROLLING and size == 8:
            mark = SAW_CONTROLLING
        else:
            return kind >= FIRST_OPTIONAL and kind not in (FINGERPRINT, ICE_CONTROLLED, ICE_CONTROLLING, NOMINATION)
        if seen[0] & mark:
            return False
        seen[0] |= mark
        return True

    cdef bint _is_ours(self, const uint8_t *value, int size) noexcept:
        cdef int have = len(self._username), index
        if size < have or memcmp(value, <const uint8_t *>self._username, have) != 0:
            return False
        for index in range(have, size):
            if value[index] >= 0x80:  # control sees whether that is UTF-8
                return False
        return True

    cdef int answer(self, const uint8_t *data, int integrity_at, const PeerKey *source, uint8_t *answer) noexcept:
        """Writes the answer to a request that ``find_integrity`` let pass.

        Args:
            data: the request.
            integrity_at: what ``find_integrity`` found.
            source: whence it came.
            answer: room for ``MAX_ANSWER`` bytes.

        Returns:
            How many bytes it has; 0: fingerprint or integrity are wrong, control looks at it.
        """
        cdef const uint8_t *low = <const uint8_t *>&source.low
        cdef const uint8_t *high = <const uint8_t *>&source.high
        cdef const uint8_t *port = <const uint8_t *>&source.port
        cdef uint8_t digest[DIGEST_SIZE]
        cdef int crc_at = integrity_at + INTEGRITY_SIZE, size, address_size, index
        if read_u32(data + crc_at + 4) != crc32(data, crc_at) ^ FINGERPRINT_XOR:
            return 0
        self._authenticate(data, integrity_at, digest)
        if not is_same(digest, data + integrity_at + 4):
            return 0
        write_u16(answer, BINDING_SUCCESS)
        memcpy(answer + 4, data + 4, 16)  # the cookie, and the transaction's id
        write_u16(answer + HEADER_SIZE, XOR_MAPPED_ADDRESS)
        answer[HEADER_SIZE + 4] = 0
        answer[HEADER_SIZE + 6] = port[0] ^ data[4]
        answer[HEADER_SIZE + 7] = port[1] ^ data[5]
        if source.high == 0 and memcmp(low, MAPPED, 4) == 0:
            answer[HEADER_SIZE + 5] = IPV4
            address_size = 4
            memcpy(answer + HEADER_SIZE + 8, low + 4, 4)
        else:
            answer[HEADER_SIZE + 5] = IPV6
            address_size = 16
            memcpy(answer + HEADER_SIZE + 8, high, 8)
            memcpy(answer + HEADER_SIZE + 16, low, 8)
        for index in range(address_size):
            answer[HEADER_SIZE + 8 + index] ^= data[4 + index]
        write_u16(answer + HEADER_SIZE + 2, 4 + address_size)
        size = HEADER_SIZE + 8 + address_size
        self._authenticate(answer, size, digest)
        write_u32(answer + size, MESSAGE_INTEGRITY << 16 | DIGEST_SIZE)
        memcpy(answer + size + 4, digest, DIGEST_SIZE)
        size += INTEGRITY_SIZE
        write_u16(answer + 2, size + FINGERPRINT_SIZE - HEADER_SIZE)
        write_u32(answer + size, <uint32_t>FINGERPRINT << 16 | FINGERPRINT_SIZE - 4)
        write_u32(answer + size + 4, crc32(answer, size) ^ FINGERPRINT_XOR)
        return size + FINGERPRINT_SIZE

    cdef void _authenticate(self, const uint8_t *data, int size, uint8_t *digest) noexcept:
        """HMAC-SHA1 of a message up to its integrity, with the length that ends behind it (RFC 8489 section 14.5)."""
        cdef uint8_t message[512]  # MAX_REQUEST
        memcpy(message, data, size)
        write_u16(message + 2, size + INTEGRITY_SIZE - HEADER_SIZE)
        authenticate(&self._key, message, size, digest)
