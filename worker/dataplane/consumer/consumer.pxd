"""Declares a consumer's half for the producers that feed it."""

from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.consumer.send_stream cimport SendStream
from miso.worker.dataplane.producer.packet_store cimport Packet, PacketStore
from miso.worker.rtp.layers cimport LayerSelector
from miso.worker.rtp.sequence cimport SequenceMapper

cdef enum:
    APPROACH = 4  # consumers ahead of the one that is served their memory is fetched


cdef class ConsumerPlane(SendStream):
    cdef public object owner
    cdef readonly long long last_packet_us
    cdef readonly unsigned int last_timestamp
    cdef readonly unsigned short last_sequence
    cdef readonly int forwarded_stream
    cdef readonly bint keep_for_retransmission
    cdef bint keeps_packets  # its producer does: for that, or since a key frame's first packet may come after others
    cdef int _emitted  # bytes of the packets of this batch that went on
    cdef object source  # the ProducerPlane that feeds it
    cdef list streams  # of that producer, by stream index; None where there is none
    cdef LayerSelector _selector
    cdef SequenceMapper _sequence
    cdef unsigned char _supported[128]
    cdef bint _is_picture_complete  # the newest packet had the marker

    cdef void approach(self, int distance) noexcept
    cdef void forward(self, const Packet *packets, int count) noexcept
    cdef int _forward_one(self, const Packet *packet) noexcept
    cdef void _leave_out(self, const Packet *packet) noexcept
    cdef int _follow(self, const Packet *packet, int decision) noexcept
    cdef int _begin_at(self, const Packet *packet) noexcept
    cdef int _select_again(self, const Packet *packet) noexcept
    cdef int _send_parameter_sets(self, ReceiveStream stream, PacketStore store, const Packet *first) noexcept
    cdef int _emit(self, const Packet *packet, unsigned short mapped, unsigned int word) noexcept
    cdef int _pass_on(self, const Packet *packet) noexcept
    cdef bint _is_numbered(self, const Packet *packet) noexcept
    cdef bint _begin(self, const Packet *packet) noexcept
    cdef bint _align(self, const Packet *packet, int reference) noexcept
    cdef void _tell(self, int stream_index) noexcept
