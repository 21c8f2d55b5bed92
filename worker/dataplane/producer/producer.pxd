"""Declares a producer in the data plane."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.producer.rtp_mapping cimport RtpMapping
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    MAX_BATCH = 32  # packets, of all its streams
    LEVELS = 256  # audio levels that are kept, a power of two


cdef class ProducerPlane:
    cdef public object owner
    cdef public bint paused
    cdef public bint trace_rtp
    cdef public bint trace_keyframe
    cdef readonly bint closed
    cdef Plane _plane
    cdef ReceivingHalf _receiving
    cdef RtpMapping _mapping
    cdef list _consumers
    cdef list _streams  # by stream index; a closed one leaves None
    cdef list _stores  # by stream index, shared with the consumers
    cdef int _store_users  # consumers that need the stores
    cdef Packet _packets[MAX_BATCH]  # of this receive batch
    cdef int _packet_count
    cdef unsigned char _levels[LEVELS]  # a ring
    cdef unsigned int _level_count  # since the last call of ``take_audio_levels``
    cdef int _orientation  # as ``RtpMapping.orientation`` had it last, -1: nothing yet
    cdef void take(
        self, ReceiveStream stream, RtpHeader header, unsigned char *data, PayloadDescriptor payload, bint recovered
    ) noexcept
    cdef void forward(self) noexcept
    cdef int worst_loss(self) noexcept
    cdef void _map(self, Packet *packet, ReceiveStream stream, RtpHeader header, unsigned char *data) noexcept
    cdef void _look_at_extensions(self) noexcept


cdef void forward_batch(Plane plane) noexcept
