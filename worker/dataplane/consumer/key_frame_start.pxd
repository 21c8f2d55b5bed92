"""Declares for the consumer how it finds the packet with which its receiver can begin."""

from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.producer.packet_store cimport Packet, PacketStore
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor

cdef enum:
    MAX_BEHIND = 64  # packets of a picture before the one at which it is known for a beginning
    MAX_AHEAD = 512  # packets that may have come before it


cdef enum Verdict:
    BEGIN  # at ``first``, and what came after it follows
    WAIT  # for a packet that may still come
    MISSED  # some of it is gone: another key frame is needed


cdef class KeyFrameStart:
    cdef int first  # sequence number of the first packet, less that of the packet in hand; likewise ``last``
    cdef int last  # of the packets that came before the one in hand
    cdef bint without_sets  # those of the stream are to be sent before it
    cdef PayloadDescriptor payload  # of the packet that ``take`` gave
    cdef unsigned int _numbers[MAX_BEHIND + 1 + MAX_AHEAD]  # by sequence number: where the store has it, 0: it has not
    cdef unsigned int _own

    cdef void clear(self) noexcept
    cdef Verdict judge(self, ReceiveStream stream, PacketStore store, const Packet *packet, bint is_switch) noexcept
    cdef bint take(self, PacketStore store, int distance, Packet *packet) noexcept
    cdef void _gather(self, ReceiveStream stream, PacketStore store, const Packet *packet) noexcept
    cdef bint _is_whole(self, ReceiveStream stream, const Packet *packet) noexcept
    cdef bint _is_past(self, PacketStore store, const Packet *packet) noexcept
    cdef Verdict _judge_access_unit(self, ReceiveStream stream, PacketStore store, const Packet *packet) noexcept
    cdef bint _is_hole(self, int begin, int end) noexcept
    cdef bint _came(self, int distance) noexcept
