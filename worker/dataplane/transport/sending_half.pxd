"""Declares where a transport's packets go, for the streams that are sent through it."""

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.dataplane.sockets.batch cimport Endpoint, Sender
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.transport.control_allowance cimport ControlAllowance
from miso.worker.rtp.rate cimport RateCalculator
from miso.worker.rtp.ssrc_table cimport SsrcTable
from miso.worker.srtp.cipher cimport SessionKeys
from miso.worker.srtp.outgoing cimport Protection
from miso.worker.srtp.sent_ssrcs cimport SentSsrcs
from miso.worker.srtp.srtcp cimport OutgoingRtcp


cdef class SendingHalf:
    # What each packet needs comes first: consumers fetch so much into the cache ahead (``consumer/prefetch.pxd``).
    cdef Plane plane
    cdef Endpoint endpoint  # None: packets go nowhere
    cdef SendSideEstimator outgoing  # estimates what the way to the peer carries; None: nobody asks
    cdef readonly RateCalculator sent  # all that goes out, as it is on the wire
    cdef readonly RateCalculator rtp_sent
    cdef public bint encrypted
    cdef public bint connected
    cdef readonly bint closed
    cdef public unsigned short twcc_next
    cdef PeerAddress destination
    cdef PeerKey destination_key  # the same, as tables have it
    cdef readonly RateCalculator rtx_sent
    cdef readonly RateCalculator probation_sent
    cdef readonly ControlAllowance allowance
    cdef Endpoint _rtcp_endpoint  # None: RTCP goes where RTP goes
    cdef PeerAddress _rtcp_destination
    cdef OutgoingRtcp _outbound_rtcp
    cdef SessionKeys _keys  # of all that is sent; None: no SRTP, or not yet, or libsrtp does it by what follows
    cdef object _suite  # a SrtpSuite, with the key below
    cdef bytes _local_key
    cdef bytes _key_digest  # of the key in use, None without
    cdef SentSsrcs _ssrcs  # of the senders, and which were sent under that key
    cdef set _senders  # closed with the transport
    cdef SsrcTable feedback_takers  # SSRC of a stream that is sent → its FeedbackTaker, which takes itself back

    cdef int set_local_key(self, object suite, bytes key) except -1
    cdef Protection make_protection(self, unsigned int ssrc, unsigned int rtx_ssrc)
    cdef int number_before(self, unsigned int ssrc) except -2
    cdef bint send_report(self, const unsigned char *packet, int size) noexcept
    cdef unsigned short next_transport_wide_number(self, int size) noexcept
    cdef void tell_limited(self) noexcept
    cdef int attach(self, Sender sender, unsigned int ssrc, unsigned int rtx_ssrc) except -1
    cdef int detach(self, Sender sender, unsigned int ssrc, unsigned int rtx_ssrc, Protection protection) except -1
    cdef int close_sending(self) except -1
