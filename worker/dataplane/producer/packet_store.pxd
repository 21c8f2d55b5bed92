"""Packets in their canonical form: those of the receive batch, and those kept to be sent again."""

from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


cdef struct Packet:
    unsigned char *data  # 12-byte header, CSRCs, one-byte extensions with the router's ids, payload; no padding
    int size
    int payload_offset
    int mid_at  # where the element's value begins, 0: not there; likewise below
    int abs_send_time_at
    int transport_wide_cc_at
    unsigned short sequence_number
    unsigned char payload_type
    bint marker
    bint recovered  # it came by RTX
    bint restarted  # its sender began to count anew with it
    bint late  # a newer one of its stream came before it
    unsigned int timestamp  # goes on where the sender sets its clock anew (``SourceClock``)
    unsigned int ssrc
    int stream_index
    unsigned int stored  # its number in the stream's store, 0: not kept
    void *payload  # borrowed PayloadDescriptor, NULL for what is kept


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
    Packet packet
    Described payload
    int capacity
    long long kept_us


cdef class PacketStore:
    cdef Kept *_ring
    cdef unsigned int _mask
    cdef unsigned int _next
    cdef unsigned int put(self, const Packet *packet, long long now_us) noexcept
    cdef inline unsigned int newest(self) noexcept:
        """The number of the packet that was kept last."""
        return self._next - 1
    cdef const Packet *get(self, unsigned int number) noexcept
    cdef void describe(self, unsigned int number, PayloadDescriptor payload) noexcept
    cdef bint _grow(self) noexcept
    cdef void clear(self) noexcept


cdef object describe_packet(const Packet *packet, unsigned int ssrc, unsigned short sequence_number, unsigned int timestamp, int size)
