"""Packets in their canonical form: those of the receive batch, and those kept to be sent again."""

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


cdef struct Kept:
    Packet packet
    int capacity
    long long kept_us


cdef class PacketStore:
    cdef Kept *_ring
    cdef unsigned int _mask
    cdef unsigned int _next
    cdef unsigned int put(self, const Packet *packet, long long now_us) noexcept
    cdef const Packet *get(self, unsigned int number) noexcept
    cdef bint _grow(self) noexcept
    cdef void clear(self) noexcept


cdef object describe_packet(const Packet *packet, unsigned int ssrc, unsigned short sequence_number, unsigned int timestamp, int size)
