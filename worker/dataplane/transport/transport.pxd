"""Declares a transport's half in the plane for the sockets, producers and consumers."""

from libc.stdint cimport uint32_t

from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.dataplane.transport.control_allowance cimport ControlAllowance
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.sockets.batch cimport Endpoint, Sender
from miso.worker.dataplane.transport.srtp cimport SrtpSession
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.transport.ssrc_table cimport SsrcTable
from miso.worker.dataplane.transport.unknown_ssrcs cimport UnknownSsrcs
from miso.worker.bwe.remb cimport RemoteBitrateEstimator
from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.bwe.transport_feedback cimport TransportFeedback
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.rate cimport RateCalculator


cdef class Receiver:  # what the SSRC table of a transport leads to
    cdef readonly unsigned int rtx_ssrc
    cdef public bytes mid  # packets that name another one are not for it; None: any are
    cdef bint is_overtaken(self, RtpHeader header) noexcept
    cdef void receive(self, RtpHeader header, unsigned char *data, int size) noexcept


cdef class TransportPlane:
    cdef public object owner
    cdef public bint encrypted
    cdef public bint connected
    cdef public bint watch_sender
    cdef public unsigned short twcc_next
    cdef readonly bint closed
    cdef readonly long long last_heard_us
    cdef readonly ControlAllowance allowance
    cdef Plane plane
    cdef Endpoint endpoint
    cdef PeerAddress destination
    cdef PeerKey _destination_key
    cdef unsigned long long _genuine  # RTP packets that SRTP let pass
    cdef bint _is_elsewhere  # the datagram in hand is not from where we send to
    cdef Endpoint _rtcp_endpoint
    cdef PeerAddress _rtcp_destination
    cdef SrtpSession _inbound
    cdef SrtpSession _outbound_rtcp
    cdef object _suite
    cdef bytes _local_key
    cdef list _accepted  # (socket, address): to be taken back on close
    cdef set _producers
    cdef set _senders
    cdef SsrcTable _streams
    cdef UnknownSsrcs _unknown
    cdef TransportFeedback _feedback
    cdef RemoteBitrateEstimator remb
    cdef SendSideEstimator outgoing  # of the way to the peer, None: nobody asks
    cdef long long _max_incoming_bitrate_bps
    cdef RtpHeader _header
    cdef int _abs_send_time_id, _transport_wide_cc_id
    cdef RateCalculator received, sent, rtp_received, rtp_sent, rtx_received, rtx_sent, probation_sent

    cdef SrtpSession make_session(self)
    cdef unsigned short next_transport_wide_number(self, int size) noexcept
    cdef void tell_limited(self) noexcept
    cdef bint _admit_dtls(self) noexcept
    cdef void handle(self, int kind, unsigned char *data, int size) noexcept
    cdef inline bint expects(self, Endpoint endpoint, const PeerKey *key) noexcept:
        """Whether it sends to where a datagram came from, or need not know; ``key`` is NULL for a connection."""
        if not self.watch_sender:
            return True
        return self.endpoint is endpoint and (
            key == NULL
            or (
                key.port == self._destination_key.port
                and key.low == self._destination_key.low
                and key.high == self._destination_key.high
            )
        )
    cdef void handle_elsewhere(
        self, int kind, unsigned char *data, int size, Endpoint endpoint, object address
    ) noexcept
    cdef void _handle_rtp(self, unsigned char *data, int size) noexcept
    cdef void _handle_rtcp(self, unsigned char *data, int size) noexcept
    cdef void _estimate(self, RtpHeader header, const unsigned char *data, int size) noexcept
    cdef void _accept_rtp(self, unsigned char *data, int size) noexcept
    cdef void _report_unknown(self, const unsigned char *data, int size, bint has_stream) noexcept
    cdef dict describe_extensions(self, const unsigned char *data)
    cdef int add_receiver(self, unsigned int ssrc, Receiver receiver) except -1
    cdef void remove_receiver(self, unsigned int ssrc, Receiver receiver) noexcept
