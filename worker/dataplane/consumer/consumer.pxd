"""Declares a consumer in the data plane for the producers that feed it."""

from miso.worker.dataplane.consumer.receiver_feedback cimport ReceiverFeedback
from miso.worker.dataplane.consumer.send_stream cimport SendStream
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.packet_store cimport PacketStore
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.rtp.layer_selectors cimport LayerSelector
from miso.worker.rtp.sequence cimport SequenceMapper

cdef enum:  # distances from the consumer that is served at which the memory of the next ones is fetched
    FETCH_CONSUMER = 9
    FETCH_ITS_PARTS = 7
    FETCH_THEIR_PARTS = 5
    FETCH_LAST_PARTS = 3
    FETCH_SENT_PACKET = 1

cdef list NO_STREAMS


cdef class ConsumerPlane(SendStream):
    cdef readonly long long last_packet_us
    cdef readonly unsigned int last_timestamp
    cdef readonly unsigned short last_sequence
    cdef readonly int forwarded_stream
    cdef readonly bint keep_for_retransmission
    cdef LayerSelector _selector
    cdef SequenceMapper _sequence
    cdef int _emitted  # bytes of the packets of this batch that were sent, without SRTP
    cdef bint _is_picture_complete  # the packet with the highest number had the marker
    cdef unsigned char _supported[128]  # payload type → whether it is forwarded
    cdef public object owner
    cdef bint needs_store  # its producer is to keep packets: to repair, or since a key frame's first may come after others
    cdef object source  # the ProducerPlane that feeds it, None: nothing does
    cdef list streams  # of that producer, by stream index; None where there is none
    cdef readonly ReceiverFeedback feedback

    cdef int _number_from(self, int number, int rtx_number) except -1
    cdef void _fetch_its_parts(self) noexcept
    cdef void _fetch_their_parts(self) noexcept
    cdef void _fetch_last_parts(self) noexcept
    cdef void _fetch_sent_packet(self) noexcept
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
    cdef void repair(self, const unsigned short *numbers, int wanted) noexcept
    cdef void _tell(self, int stream_index) noexcept


cdef void fetch_ahead(list consumers, Py_ssize_t index) noexcept
