"""Declares the store of a stream's packets."""

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


cdef struct Described:  # what a PayloadDescriptor says, as long as its packet is kept
    bint is_key_frame
    bint begins_frame
    bint ends_frame
    bint is_dtx
    int spatial_layer
    int temporal_layer
    bint switching_up
    bint inter_layer
    bint inter_picture
    bint discardable
    int picture_id
    int picture_id_offset
    int picture_id_bits
    int tl0_picture_index
    int tl0_picture_index_offset
    int key_index
    int units
    bint is_random_access
    int size


cdef struct Kept:
    Packet packet  # its data is the store's own
    Described payload
    int capacity  # bytes that there are for the data
    long long kept_us  # when


cdef class PacketStore:
    cdef Kept *_ring  # by number modulo its size, a power of two
    cdef unsigned int _mask  # its size less one
    cdef unsigned int _next  # the number of the next packet
    cdef unsigned int put(self, const Packet *packet, long long now_us) noexcept
    cdef inline unsigned int newest(self) noexcept:
        """The number of the packet that was kept last."""
        return self._next - 1
    cdef const Packet *get(self, unsigned int number) noexcept
    cdef void describe(self, unsigned int number, PayloadDescriptor payload) noexcept
    cdef bint _grow(self) noexcept
    cdef void clear(self) noexcept
