# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Where a transport's packets go, protected by which keys: what the streams that are sent through it know of it."""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.sanitizer cimport SLOT_ROOM, set_packet_size
from miso.worker.dataplane.sockets.addresses cimport PeerAddress, key_of_name
from miso.worker.dataplane.sockets.batch cimport MAX_PACKET, Endpoint, Sender
from miso.worker.dataplane.transport.control_allowance cimport ControlAllowance
from miso.worker.dataplane.transport.libsrtp cimport LibsrtpProtection, LibsrtpRtcp
from miso.worker.rtp.rate cimport RateCalculator
from miso.worker.rtp.ssrc_table cimport SsrcTable
from miso.worker.srtp.cipher cimport SessionKeys, can_run
from miso.worker.srtp.outgoing cimport OutgoingSrtp, Protection
from miso.worker.srtp.sent_ssrcs cimport SentSsrcs
from miso.worker.srtp.srtcp cimport OutgoingSrtcp

from miso.worker.dataplane.events import TrafficLimited
from miso.worker.errors import InvalidStateError

cdef enum:
    RTCP_HEADER_SIZE = 8  # with the sender's SSRC


cdef class SendingHalf:
    """Destinations, keys, and what was sent."""

    def __init__(self, Plane plane not None, bint encrypted):
        self.plane = plane
        self.encrypted = encrypted
        self.connected = False
        self.twcc_next = 1
        self.allowance = ControlAllowance()
        self._senders = set()
        self._ssrcs = SentSsrcs()
        self.feedback_takers = SsrcTable()
        self.sent = RateCalculator()
        self.rtp_sent = RateCalculator()
        self.rtx_sent = RateCalculator()
        self.probation_sent = RateCalculator()

    # ------------------------------------------------------------ destinations and keys

    def set_destination(self, Endpoint socket, address):
        """Where RTP (and, without set_rtcp_destination, RTCP) goes; None: nowhere, packets are not sent."""
        self.endpoint = None
        if socket is not None and not self.closed:
            socket.resolve(address, &self.destination)
            key_of_name(&self.destination.name, &self.destination_key)
            self.endpoint = socket

    def set_rtcp_destination(self, Endpoint socket, address):
        """Where RTCP goes instead of to the destination of RTP; None: there again."""
        self._rtcp_endpoint = None
        if socket is not None and not self.closed:
            socket.resolve(address, &self._rtcp_destination)
            self._rtcp_endpoint = socket

    cdef int set_local_key(self, object suite, bytes key) except -1:
        """Protects with this key from now on.

        The key in use changes nothing: all indices go on. Raises ValueError when it comes with another suite.
        """
        cdef Sender sender
        from hashlib import sha256  # loads the system's OpenSSL, 3 MB

        cdef bytes digest = sha256(key).digest()
        if digest == self._key_digest:
            if suite != self._suite:
                raise ValueError(f"the SRTP key is in use with {self._suite.name}, {suite.name} would use its keystream again")
            return 0
        self._key_digest = digest
        self._suite = suite
        self._ssrcs.begin_again()
        # one alone protects outgoing RTCP: a second would use index and keystream of the first again
        if can_run():
            self._outbound_rtcp = OutgoingSrtcp(SessionKeys(suite, key, rtcp=True))
            self._keys = SessionKeys(suite, key)
        else:
            self._outbound_rtcp = LibsrtpRtcp(suite, key)
            self._keys = None
            self._local_key = key
        for sender in self._senders:
            sender.rekey()
        return 0

    cdef Protection make_protection(self, unsigned int ssrc, unsigned int rtx_ssrc):
        """For a sender that is attached with these SSRCs (0: none), which needs one of its own; None without a key."""
        cdef Protection result
        if self._keys is not None:
            result = OutgoingSrtp(self._keys)
        elif self._local_key is not None:
            result = LibsrtpProtection(self._suite, self._local_key)
        else:
            return None
        result.add(ssrc, self._ssrcs.highest(ssrc))
        if rtx_ssrc != 0:
            result.add(rtx_ssrc, self._ssrcs.highest(rtx_ssrc))
        return result

    cdef int number_before(self, unsigned int ssrc) except -2:
        """The sequence number after which a new sender with this SSRC has to begin; -1: with any."""
        cdef int64_t highest = self._ssrcs.highest(ssrc)
        return <int>(highest & 0xFFFF) if highest >= 0 else -1

    # ------------------------------------------------------------ control datagrams

    def send(self, bytes data not None):
        """Sends a control datagram (DTLS, SCTP) to the destination, unprotected."""
        cdef bint sent
        if self.endpoint is None:
            return False
        sent = self.endpoint.send_control(&self.destination, data, len(data))
        if sent:
            self.sent.update(len(data), self.plane.now_us)
        self.plane.settle()
        return sent

    def send_rtcp(self, bytes packet not None):
        """Protects (when encrypted) and sends a compound RTCP packet. False when it could not be sent."""
        cdef bint sent = self.send_report(packet, <int>min(len(packet), MAX_PACKET + 1))
        self.plane.settle()
        return sent

    cdef bint send_report(self, const unsigned char *packet, int size) noexcept:
        """As ``send_rtcp``; the caller settles the plane, when it iterates over nothing any more."""
        cdef Endpoint endpoint = self._rtcp_endpoint
        cdef const PeerAddress *destination = &self._rtcp_destination
        cdef unsigned char *slot = self.plane.scratch()
        cdef bint sent
        if endpoint is None:
            endpoint = self.endpoint
            destination = &self.destination
        if endpoint is None or not self.connected or size > MAX_PACKET or size < RTCP_HEADER_SIZE:
            return False
        set_packet_size(slot, SLOT_ROOM)
        memcpy(slot, packet, size)
        if self.encrypted:
            if self._outbound_rtcp is None:
                return False
            if not self._outbound_rtcp.protect_rtcp(slot, &size):
                self.plane.count.srtp_failed += 1
                return False
        sent = endpoint.send_control(destination, slot, size)
        if sent:
            self.sent.update(size, self.plane.now_us)
        return sent

    def count_sent(self, int size, long long now_us):
        """Counts bytes that went to the application instead of the network (direct transports)."""
        self.sent.update(size, now_us)

    # ------------------------------------------------------------ for the streams

    cdef unsigned short next_transport_wide_number(self, int size) noexcept:
        """For a packet that is sent now; the estimate remembers it."""
        cdef unsigned short number = self.twcc_next
        self.twcc_next += 1
        if self.outgoing is not None:
            self.outgoing.on_sent(number, size, self.plane.now_us)
        return number

    cdef void tell_limited(self) noexcept:
        """The peer asks more of control, or of repairs, than it may: something was dropped."""
        if self.allowance.is_news(self.plane.now_us):
            self.plane.events.append(TrafficLimited(self))

    cdef int attach(self, Sender sender, unsigned int ssrc, unsigned int rtx_ssrc) except -1:
        """The sender lives on this transport: it hears of new keys, and is closed with it.

        Raises:
            InvalidStateError: The transport is closed; or SRTP is used, and another sender has one of the SSRCs, or too
                many had one.
        """
        if self.closed:
            raise InvalidStateError("the transport is closed")
        if self.encrypted:
            self._ssrcs.claim(ssrc)
            if rtx_ssrc != 0:
                try:
                    self._ssrcs.claim(rtx_ssrc)
                except InvalidStateError:
                    self._ssrcs.release(ssrc, None)
                    raise
        self._senders.add(sender)
        return 0

    cdef int detach(self, Sender sender, unsigned int ssrc, unsigned int rtx_ssrc, Protection protection) except -1:
        """The sender has ended; the next one with its SSRCs goes on with their indices, which ``protection`` knows."""
        if sender not in self._senders:
            return 0
        self._senders.discard(sender)
        self._ssrcs.release(ssrc, protection)
        if rtx_ssrc != 0:
            self._ssrcs.release(rtx_ssrc, protection)
        return 0

    cdef int close_sending(self) except -1:
        """Closes the senders; nothing goes out any more."""
        for sender in list(self._senders):
            sender.close()
        self.endpoint = None
        self._rtcp_endpoint = None
        self._outbound_rtcp = None
        self._keys = None
        self._local_key = None
        self.outgoing = None
        return 0
