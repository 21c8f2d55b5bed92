# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Which STUN messages control is to see: those for a username fragment that is known, as many as its transport may get.

Anybody can send STUN from any address to the socket of all; what is for nobody costs a look at its USERNAME.
"""

from miso.worker.dataplane.plane cimport STUN_US, Plane
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.transport.transport cimport TransportPlane

cdef enum:
    HEADER_SIZE = 20
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    MESSAGE_INTEGRITY_SHA256 = 0x001C


cdef int fragment_size(const unsigned char *data, int size, int *begin) noexcept:
    """How many bytes of the receiver's fragment stand at ``begin``: before the colon of USERNAME; -1: there is none.

    As ``miso.worker.ice.stun.local_username_fragment``, which takes what comes this far and names what is wrong with
    it.
    """
    cdef int at = HEADER_SIZE, kind, length, end
    if size < HEADER_SIZE or data[4] != 0x21 or data[5] != 0x12 or data[6] != 0xA4 or data[7] != 0x42:
        return -1
    while at + 4 <= size:
        kind = data[at] << 8 | data[at + 1]
        length = data[at + 2] << 8 | data[at + 3]
        at += 4
        if at + length > size or kind == MESSAGE_INTEGRITY or kind == MESSAGE_INTEGRITY_SHA256:
            return -1
        if kind == USERNAME:
            begin[0] = at
            for end in range(at, at + length):
                if data[end] == c":":
                    return end - at
            return -1
        at += (length + 3) & ~3
    return -1


cdef class StunGate:
    """The username fragments for which messages are expected on a group of sockets."""

    def __cinit__(self):
        self._transports = {}

    def expect(self, str fragment not None, TransportPlane transport not None):
        """Messages for the fragment are the transport's from now on."""
        self._transports[fragment.encode()] = transport

    def forget(self, str fragment not None):
        """Messages for the fragment are nobody's any more."""
        self._transports.pop(fragment.encode(), None)

    cdef bint admit(
        self, Plane plane, const unsigned char *data, int size, TransportPlane sender, const PeerKey *source
    ) noexcept:
        """Whether control is to see a message that came from ``source``, which is a valid tuple of ``sender``."""
        cdef TransportPlane transport
        cdef int begin = 0
        cdef int length = fragment_size(data, size, &begin)
        transport = self._transports.get(data[begin : begin + length]) if length > 0 else None
        if transport is None:
            plane.count.stun_unknown += 1
            return False
        if transport.allowance.admit_check(source if sender is transport else NULL, plane.now_us):
            plane.control_us += STUN_US
            return True
        plane.count.stun_limited += 1
        transport.tell_limited()
        return False
