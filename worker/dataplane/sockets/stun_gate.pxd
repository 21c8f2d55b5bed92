"""Declares who gets the STUN messages of a group of sockets."""

from worker.dataplane.plane cimport Plane
from worker.dataplane.tables cimport PeerKey
from worker.dataplane.transport.transport cimport TransportPlane


cdef class StunGate:
    cdef dict _transports  # username fragment → its TransportPlane
    cdef bint admit(
        self, Plane plane, const unsigned char *data, int size, TransportPlane sender, const PeerKey *source
    ) noexcept
