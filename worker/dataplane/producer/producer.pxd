"""Declares a producer's half of the plane."""

from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream, StreamOwner
from miso.worker.dataplane.producer.packet_store cimport Packet
from miso.worker.rtp.packet cimport RtpHeader


cdef class ProducerPlane(StreamOwner):
    cdef public object owner
    cdef public bint trace_rtp
    cdef public bint trace_keyframe
    cdef readonly bint closed
    cdef list _consumers
    cdef list _streams  # by stream index; a closed one leaves None
    cdef list _stores  # by stream index, shared with the consumers
    cdef int _keepers  # consumers that may be asked to send again
    cdef Packet _packets[32]
    cdef int _packet_count
    cdef unsigned char _levels[256]  # a ring
    cdef unsigned int _level_count
    cdef int _orientation
    cdef void _rename(self, Packet *packet, ReceiveStream stream, RtpHeader header, unsigned char *data) noexcept
    cdef void _look_at_extensions(self) noexcept
