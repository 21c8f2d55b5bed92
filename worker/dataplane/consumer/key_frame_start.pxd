"""Declares for the consumer how it finds the packet with which its receiver can begin."""

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.packet_store cimport PacketStore
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor

cdef enum:
    MAX_BEHIND = 64  # packets that a picture may have before the one by which it is known that a decoder can begin at it
    MAX_AHEAD = 512  # packets that are sent after that one and may have come before it


cdef enum Verdict:
    BEGIN  # at ``first``, and what came after it follows
    WAIT  # for a packet that may still come
    MISSED  # some of it is gone: another key frame is needed


cdef class KeyFrameStart:
    cdef int first  # distance of the packet to begin with from the one in hand, in sequence numbers; likewise ``last``
    cdef int last  # of the furthest that came before the one in hand, and follows
    cdef bint without_sets  # the picture has no parameter sets: those of the stream are to be sent before it
    cdef PayloadDescriptor payload  # of the packet that ``take`` gave
    cdef unsigned int _numbers[MAX_BEHIND + 1 + MAX_AHEAD]  # distance + MAX_BEHIND → number in the store, 0: not there
    cdef unsigned int _own  # number in the store of the packet in hand

    cdef void clear(self) noexcept
    cdef Verdict judge(self, ReceiveStream stream, PacketStore store, const Packet *packet, bint is_switch) noexcept
    cdef bint take(self, PacketStore store, int distance, Packet *packet) noexcept
    cdef void _gather(self, ReceiveStream stream, PacketStore store, const Packet *packet) noexcept
    cdef bint _is_whole(self, ReceiveStream stream, const Packet *packet) noexcept
    cdef bint _is_past(self, PacketStore store, const Packet *packet) noexcept
    cdef Verdict _judge_access_unit(self, ReceiveStream stream, PacketStore store, const Packet *packet) noexcept
    cdef bint _is_hole(self, int begin, int end) noexcept
    cdef bint _came(self, int distance) noexcept
