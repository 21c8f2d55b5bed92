"""Declares a consumer's half for the inputs that feed it."""

from worker.dataplane.receive_stream cimport ReceiveStream
from worker.dataplane.srtp cimport SrtpSession
from worker.dataplane.store cimport Packet, PacketStore
from worker.dataplane.transport cimport Sender, TransportPlane
from worker.rtp.layers cimport LayerSelector
from worker.rtp.rate cimport RateCalculator
from worker.rtp.retransmission cimport RetransmissionIndex
from worker.rtp.sequence cimport SequenceMapper
from worker.rtp.timestamps cimport TimestampMapper

cdef enum:
    APPROACH = 4  # outputs ahead of the one that is served their memory is fetched


cdef class Output(Sender):
    cdef public object owner
    cdef public bint active
    cdef public bint trace_rtp
    cdef public bint trace_keyframe
    cdef public bint deliver
    cdef public double rtt_ms
    cdef readonly unsigned int ssrc
    cdef readonly unsigned int rtx_ssrc
    cdef readonly unsigned long long packets
    cdef readonly unsigned long long bytes
    cdef readonly unsigned long long packets_retransmitted
    cdef readonly unsigned long long bytes_retransmitted
    cdef readonly unsigned long long packets_repaired
    cdef readonly unsigned long long rtx_packets
    cdef readonly unsigned long long rtx_bytes
    cdef readonly long long last_packet_us
    cdef readonly unsigned int last_timestamp
    cdef readonly unsigned short last_sequence
    cdef readonly int forwarded_stream
    cdef readonly bint closed
    cdef readonly bint keep_for_retransmission
    cdef bint keeps_packets  # its input does: for that, or since a key frame's first packet may come after others
    cdef int _emitted  # bytes of the packets of this batch that went on
    cdef object source  # the Input that feeds it
    cdef list stores  # of that input's streams, by stream index
    cdef list streams  # likewise, None where there is none
    cdef TransportPlane _transport
    cdef SrtpSession _session
    cdef LayerSelector _selector
    cdef SequenceMapper _sequence
    cdef TimestampMapper _timestamps
    cdef RetransmissionIndex _index
    cdef RateCalculator _rate
    cdef unsigned char _supported[128]
    cdef unsigned char _rtx_payload_types[128]  # 0: none
    cdef unsigned char _mid_element[9]
    cdef bint _has_abs_send_time
    cdef bint _has_transport_wide_cc
    cdef unsigned short _rtx_sequence
    cdef unsigned char _payload_type  # of the last packet
    cdef bint _is_repairing
    cdef bint _is_picture_complete  # the newest packet had the marker

    cdef void approach(self, int distance) noexcept
    cdef void forward(self, const Packet *packets, int count) noexcept
    cdef int _forward_one(self, const Packet *packet) noexcept
    cdef void _leave_out(self, const Packet *packet) noexcept
    cdef void _keep_filler(self, unsigned short number, unsigned int timestamp) noexcept
    cdef bint _resend_filler(self, unsigned short number) noexcept
    cdef int _follow(self, const Packet *packet, int decision) noexcept
    cdef int _begin_at(self, const Packet *packet) noexcept
    cdef int _select_again(self, const Packet *packet) noexcept
    cdef int _send_parameter_sets(self, ReceiveStream stream, PacketStore store, const Packet *first) noexcept
    cdef int _emit(self, const Packet *packet, unsigned short mapped, unsigned int word) noexcept
    cdef bint _has_room(self, int size) noexcept
    cdef void _remember(self, const Packet *packet, unsigned short number, unsigned int word) noexcept
    cdef int _pass_on(self, const Packet *packet) noexcept
    cdef bint _is_numbered(self, const Packet *packet) noexcept
    cdef bint _begin(self, const Packet *packet) noexcept
    cdef bint _align(self, const Packet *packet, int reference) noexcept
    cdef void _tell(self, int stream_index) noexcept
    cdef void _stamp(self, unsigned char *packet, const Packet *layout, unsigned short sequence_number, unsigned int timestamp) noexcept
    cdef int _send(self, unsigned char *slot, int size) noexcept
    cdef bint _uses_rtx(self, const Packet *packet) noexcept
    cdef int _resend(self, const Packet *kept, unsigned short sequence_number) noexcept
    cdef void _trace(self, const Packet *packet, unsigned short sequence_number, unsigned int timestamp, bint is_rtx) noexcept
