"""Declares a transport in the data plane for the sockets."""

from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.sockets.batch cimport Endpoint
from miso.worker.dataplane.sockets.check_answer cimport CheckAnswer
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.transport.incoming_rtcp cimport IncomingRtcp
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.rate cimport RateCalculator


cdef class TransportPlane(SendingHalf):
    cdef public object owner
    cdef public bint watch_sender
    cdef readonly long long last_heard_us
    cdef readonly RateCalculator received  # all that comes in, as it is on the wire
    cdef readonly RateCalculator rtp_received
    cdef readonly RateCalculator rtx_received
    cdef readonly unsigned long long srtp_failures  # packets that SRTP did not let pass
    cdef ReceivingHalf _receiving
    cdef list _accepted  # (socket, address): to be taken back on close
    cdef RtpHeader _header  # of the packet in hand
    cdef public bint announce_rtcp
    cdef IncomingRtcp _rtcp
    cdef readonly CheckAnswer checks

    cdef bint answer_check(
        self, Endpoint endpoint, const PeerKey *source, const unsigned char *data, int size
    ) noexcept
    cdef bint handle(self, int kind, unsigned char *data, int size, bint is_elsewhere) noexcept
    cdef void handle_elsewhere(
        self, int kind, unsigned char *data, int size, Endpoint endpoint, object address
    ) noexcept
    cdef inline bint expects(self, Endpoint endpoint, const PeerKey *key) noexcept:
        """Whether it sends to where a datagram came from, or need not know; ``key`` is NULL for a connection."""
        if not self.watch_sender:
            return True
        return self.endpoint is endpoint and (
            key == NULL
            or (
                key.port == self.destination_key.port
                and key.low == self.destination_key.low
                and key.high == self.destination_key.high
            )
        )
    cdef bint _admit_dtls(self) noexcept
    cdef bint _handle_rtp(self, unsigned char *data, int size, bint is_elsewhere) noexcept
    cdef bint _handle_rtcp(self, unsigned char *data, int size, bint is_elsewhere) noexcept
    cdef bint _accept_rtp(self, unsigned char *data, int size, bint is_elsewhere) noexcept
    cdef void _pass_on(self, ReceiveStream stream, unsigned char *data, int size) noexcept
    cdef void _report_unknown(self, const unsigned char *data, int size, bint has_stream) noexcept
