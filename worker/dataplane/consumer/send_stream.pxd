"""Declares the stream that a consumer sends."""

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.sockets.batch cimport Sender
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtp.rate cimport RateCalculator
from miso.worker.rtp.retransmission cimport RetransmissionIndex
from miso.worker.rtp.timestamps cimport TimestampMapper
from miso.worker.srtp.outgoing cimport Protection


cdef class SendStream(Sender):
    # What each packet needs comes first: consumers fetch so much into the cache ahead (``prefetch.pxd``).
    cdef public bint active
    cdef readonly bint closed
    cdef public bint deliver
    cdef public bint trace_rtp
    cdef public bint trace_keyframe
    cdef readonly unsigned int ssrc
    cdef readonly unsigned long long packets
    cdef readonly unsigned long long bytes
    cdef SendingHalf _transport
    cdef Plane _plane
    cdef Protection _protection  # None without SRTP, or before the keys
    cdef TimestampMapper _timestamps
    cdef RetransmissionIndex _index  # what was sent lately; None: nothing is sent again
    cdef RateCalculator _rate  # without what was sent again
    cdef unsigned char _mid_element[9]  # header and value of the extension element; 0: not sent
    cdef bint _has_abs_send_time  # whether the receiver negotiated it, likewise below
    cdef bint _has_transport_wide_cc
    cdef unsigned short _transport_wide_number  # of the last packet, when that has one
    cdef unsigned char _payload_type  # of the last packet
    cdef bint _is_repairing  # what is written into the batch now answers a NACK
    cdef list stores  # of the streams that it is made of, by stream index
    cdef public double rtt_ms
    cdef readonly unsigned int rtx_ssrc
    cdef readonly unsigned long long packets_retransmitted
    cdef readonly unsigned long long bytes_retransmitted
    cdef readonly unsigned long long packets_repaired
    cdef readonly unsigned long long rtx_packets
    cdef readonly unsigned long long rtx_bytes
    cdef unsigned char _rtx_payload_types[128]  # payload type → that of its repairs, 0: they go with the stream's own
    cdef unsigned short _rtx_sequence  # of the last repair
    cdef unsigned int _repaired_from  # the timestamp as sent of the first picture that is repaired
    cdef long long _repaired_from_until_us  # until then nothing older is; 0: it never was said

    cdef void _keep_filler(self, unsigned short number, unsigned int timestamp, bint is_sent) noexcept
    cdef void repair(self, const unsigned short *numbers, int wanted) noexcept
    cdef void _repair_from(self, unsigned int timestamp) noexcept
    cdef bint _is_past(self, unsigned int timestamp) noexcept
    cdef void _resend_filler(self, unsigned short number) noexcept
    cdef bint _has_room(self, int size) noexcept
    cdef void _remember(self, const Packet *packet, unsigned short number, unsigned int word, bint is_sent) noexcept
    cdef void _stamp(self, unsigned char *packet, const Packet *layout, unsigned short sequence_number, unsigned int timestamp, bint is_repeat) noexcept
    cdef int _send(self, unsigned char *slot, int size, bint is_repeat) noexcept
    cdef bint _uses_rtx(self, const Packet *packet) noexcept
    cdef int _send_again(self, unsigned char *slot, int size, unsigned short sequence_number) noexcept
    cdef int _resend(self, const Packet *kept, unsigned short sequence_number) noexcept
    cdef void _trace(self, const Packet *packet, unsigned short sequence_number, unsigned int timestamp, bint is_rtx) noexcept
