"""Declares who gets the STUN messages of a group of sockets."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.transport.transport cimport TransportPlane


cdef class StunGate:
    cdef dict _transports  # username fragment → its TransportPlane
    cdef bint admit(
        self, Plane plane, const unsigned char *data, int size, TransportPlane sender, const PeerKey *source
    ) noexcept
