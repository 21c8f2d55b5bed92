# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A stream's packets of the last two seconds, in their canonical form: to be sent again, or to begin a receiver with."""

from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor

cdef enum:
    FIRST_CAPACITY = 64  # packets
    MAX_CAPACITY = 2048
    KEEP_US = 2000000


cdef void _write_down(PayloadDescriptor payload, Described *described) noexcept:
    described.is_key_frame = payload.is_key_frame
    described.begins_frame = payload.begins_frame
    described.ends_frame = payload.ends_frame
    described.is_dtx = payload.is_dtx
    described.spatial_layer = payload.spatial_layer
    described.temporal_layer = payload.temporal_layer
    described.switching_up = payload.switching_up
    described.inter_layer = payload.inter_layer
    described.inter_picture = payload.inter_picture
    described.discardable = payload.discardable
    described.picture_id = payload.picture_id
    described.picture_id_offset = payload.picture_id_offset
    described.picture_id_bits = payload.picture_id_bits
    described.tl0_picture_index = payload.tl0_picture_index
    described.tl0_picture_index_offset = payload.tl0_picture_index_offset
    described.key_index = payload.key_index
    described.units = payload.units
    described.is_random_access = payload.is_random_access
    described.size = payload.size


cdef void _read(const Described *described, PayloadDescriptor payload) noexcept:
    payload.is_key_frame = described.is_key_frame
    payload.begins_frame = described.begins_frame
    payload.ends_frame = described.ends_frame
    payload.is_dtx = described.is_dtx
    payload.spatial_layer = described.spatial_layer
    payload.temporal_layer = described.temporal_layer
    payload.switching_up = described.switching_up
    payload.inter_layer = described.inter_layer
    payload.inter_picture = described.inter_picture
    payload.discardable = described.discardable
    payload.picture_id = described.picture_id
    payload.picture_id_offset = described.picture_id_offset
    payload.picture_id_bits = described.picture_id_bits
    payload.tl0_picture_index = described.tl0_picture_index
    payload.tl0_picture_index_offset = described.tl0_picture_index_offset
    payload.key_index = described.key_index
    payload.units = described.units
    payload.is_random_access = described.is_random_access
    payload.size = described.size


cdef class PacketStore:
    """A stream's packets of the last two seconds, each once for all consumers that may be asked for it again.

    A packet is found by the number that ``put`` gave it; the ring doubles while it would overwrite what is still young.
    """

    def __cinit__(self):
        self._next = 1  # 0 stands for "not kept"

    def __dealloc__(self):
        self.clear()

    cdef unsigned int put(self, const Packet *packet, long long now_us) noexcept:
        cdef Kept *kept
        cdef void *grown
        cdef unsigned int number = self._next
        if self._ring == NULL and not self._grow():
            return 0
        kept = &self._ring[number & self._mask]
        if kept.packet.stored != 0 and now_us - kept.kept_us < KEEP_US and self._mask + 1 < MAX_CAPACITY and self._grow():
            kept = &self._ring[number & self._mask]
        if kept.capacity < packet.size:
            grown = realloc(kept.packet.data, packet.size)
            if grown == NULL:
                return 0
            kept.packet.data = <unsigned char *>grown
            kept.capacity = packet.size
        grown = kept.packet.data
        kept.packet = packet[0]
        kept.packet.data = <unsigned char *>grown
        if packet.payload != NULL:
            _write_down(<PayloadDescriptor>packet.payload, &kept.payload)
        else:
            memset(&kept.payload, 0, sizeof(Described))
        kept.packet.payload = NULL
        kept.packet.stored = number
        kept.kept_us = now_us
        memcpy(kept.packet.data, packet.data, packet.size)
        self._next = number + 1
        if self._next == 0:
            self._next = 1
        return number

    cdef const Packet *get(self, unsigned int number) noexcept:
        cdef Kept *kept
        if self._ring == NULL or number == 0:
            return NULL
        kept = &self._ring[number & self._mask]
        return &kept.packet if kept.packet.stored == number else NULL

    cdef void describe(self, unsigned int number, PayloadDescriptor payload) noexcept:
        """What was known of the payload of a packet that ``get`` gives."""
        _read(&self._ring[number & self._mask].payload, payload)

    cdef bint _grow(self) noexcept:
        cdef unsigned int index, size = 0 if self._ring == NULL else self._mask + 1
        cdef unsigned int wanted = 2 * size if size else FIRST_CAPACITY
        cdef Kept *target
        cdef Kept *fresh = <Kept *>calloc(wanted, sizeof(Kept))
        if fresh == NULL:
            return False
        for index in range(size):
            target = &fresh[self._ring[index].packet.stored & (wanted - 1)]
            if self._ring[index].packet.stored == 0 or target.packet.stored != 0:
                free(self._ring[index].packet.data)
            else:
                target[0] = self._ring[index]
        free(self._ring)
        self._ring = fresh
        self._mask = wanted - 1
        return True

    cdef void clear(self) noexcept:
        cdef unsigned int index
        if self._ring != NULL:
            for index in range(self._mask + 1):
                free(self._ring[index].packet.data)
            free(self._ring)
            self._ring = NULL
