"""A packet in the form that all consumers copy, as a receive batch and the store have it.

It has the router's payload type, header extensions with the router's ids in one-byte form, no padding, and room for what
each consumer writes itself (``rtp_mapping.pyx`` makes it so).
"""


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
