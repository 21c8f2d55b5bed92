# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A transport in the data plane: whom it hears, and what becomes of each datagram that comes in."""

from libc.string cimport memcpy

from miso.worker.dataplane.plane cimport DTLS_US, RECEIVE_COUNT, Plane
from miso.worker.dataplane.producer.producer cimport ProducerPlane, forward_batch
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.sanitizer cimport set_packet_size
from miso.worker.dataplane.sockets.batch cimport MAX_PACKET, Endpoint
from miso.worker.dataplane.sockets.check_answer cimport MAX_ANSWER, CheckAnswer
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.transport.control_allowance cimport rtcp_cost_us
from miso.worker.dataplane.transport.incoming_rtcp cimport IncomingRtcp
from miso.worker.dataplane.transport.libsrtp cimport LibsrtpIncoming
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtp.big_endian cimport read_u32
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport DTLS, IS_VALID, RTCP, RTP, SSRC_AT
from miso.worker.rtp.packet cimport RtpHeader, classify
from miso.worker.rtp.rate cimport RateCalculator
from miso.worker.srtp.cipher cimport SessionKeys, can_run
from miso.worker.srtp.incoming cimport IncomingSrtp

from miso.worker.dataplane.events import DtlsReceived, SctpReceived, SenderMoved
from miso.worker.dataplane.rtcp_events import RtcpArrived
from miso.worker.errors import InvalidStateError

cdef enum:
    RTCP_SSRC_AT = 4  # where a compound RTCP packet has its sender's
    FIRST_RTP_BYTE = 128  # a datagram that begins with one of these is RTP or RTCP (RFC 7983 section 7)
    LAST_RTP_BYTE = 191


cdef class TransportPlane(SendingHalf):
    """Whom a transport hears; where it sends is its ``SendingHalf``."""

    def __init__(self, Plane plane not None, bint encrypted):
        SendingHalf.__init__(self, plane, encrypted)
        self._receiving = ReceivingHalf(plane)
        self._rtcp = IncomingRtcp()
        self.checks = CheckAnswer()
        self._accepted = []
        self._header = plane.header
        self.received = RateCalculator()
        self.rtp_received = RateCalculator()
        self.rtx_received = RateCalculator()

    # ------------------------------------------------------------ whom it hears

    def accept_from(self, socket, address):
        """Datagrams of this remote address belong to this transport (several may be accepted)."""
        if self.closed:
            raise InvalidStateError("the transport is closed")
        socket.bind_transport(address, self)
        self._accepted.append((socket, address))

    def stop_accepting(self, socket, address):
        """Takes ``accept_from`` back; no effect when the address is not accepted."""
        if (socket, address) in self._accepted:
            self._accepted.remove((socket, address))
            socket.unbind_transport(address, self)

    def set_srtp(self, suite, bytes remote_key not None, bytes local_key not None):
        """Keys are master key followed by master salt (RFC 3711).

        Raises:
            ValueError: A wrong length, or the local key is in use with another suite; nothing changes.
        """
        suite.check(remote_key)
        suite.check(local_key)
        self.set_local_key(suite, local_key)
        if can_run():
            self._receiving.inbound = IncomingSrtp(
                SessionKeys(suite, remote_key), SessionKeys(suite, remote_key, rtcp=True)
            )
        else:
            self._receiving.inbound = LibsrtpIncoming(suite, remote_key)

    def set_receive_extensions(
        self, *, int mid=0, int rid=0, int repaired_rid=0, int abs_send_time=0, int transport_wide_cc=0
    ):
        """Header-extension ids of what this transport receives, 0 = not used (RFC 8285)."""
        self._receiving.unknown.mid_id = mid
        self._receiving.unknown.rid_id = rid
        self._receiving.unknown.repaired_rid_id = repaired_rid
        self._receiving.feedback.abs_send_time_id = abs_send_time
        self._receiving.feedback.transport_wide_cc_id = transport_wide_cc

    def add_producer(self):
        """Makes a producer that receives from this transport."""
        if self.closed:
            raise InvalidStateError("the transport is closed")
        return ProducerPlane(self._receiving)

    def ignore_ssrc(self, unsigned int ssrc):
        """No more UnknownSsrc for it while its packets say what the last one said, or until a new stream or producer.

        That is remembered of a bounded number of SSRCs.
        """
        self._receiving.ignore(ssrc)

    @property
    def takes_remb(self):
        """Whether control is to hear of REMB."""
        return bool(self._rtcp.takes_remb)

    @takes_remb.setter
    def takes_remb(self, bint value):
        self._rtcp.takes_remb = value

    @property
    def feedback(self):
        """What its peer's congestion control is told."""
        return self._receiving.feedback

    # ------------------------------------------------------------ fed by control

    def receive(self, bytes packet not None, long long now_us):
        """Feeds one decrypted RTP packet: again after UnknownSsrc, or the application's on a direct transport."""
        cdef unsigned char *slot
        self.plane.begin(now_us)
        if len(packet) > MAX_PACKET:
            self.plane.count.truncated += 1
        elif classify(packet, len(packet)) != RTP:
            self.plane.count.malformed += 1
        elif self.connected and not self.closed:
            slot = self.plane.scratch()
            set_packet_size(slot, len(packet))
            memcpy(slot, <const unsigned char *>packet, len(packet))
            self._accept_rtp(slot, len(packet), False)
            forward_batch(self.plane)
        return self.plane.finish()

    def receive_protected(self, bytes data not None, long long now_us):
        """Feeds one datagram as it came: again after UnknownSender.

        Returns:
            The events, and whether it was RTP or RTCP that SRTP let pass.
        """
        cdef unsigned char *slot
        cdef bint is_genuine = False
        self.plane.begin(now_us)
        if len(data) > MAX_PACKET:
            self.plane.count.truncated += 1
        elif not self.closed:
            slot = self.plane.scratch()
            set_packet_size(slot, len(data))
            memcpy(slot, <const unsigned char *>data, len(data))
            self.received.update(len(data), now_us)
            is_genuine = self.handle(classify(slot, len(data)), slot, len(data), False)
            forward_batch(self.plane)
        return self.plane.finish(), is_genuine

    def receive_rtcp(self, bytes packet not None, long long now_us):
        """Feeds one decrypted compound RTCP packet: the application's on a direct transport. Returns the events."""
        self.plane.begin(now_us)
        if not self.closed:
            self._rtcp.read(self, self._receiving, packet, len(packet))
        return self.plane.finish()

    def count_received(self, int size, long long now_us):
        """Counts bytes that came from the application instead of the network (direct transports)."""
        self.received.update(size, now_us)

    # ------------------------------------------------------------ fed by the sockets

    cdef bint answer_check(
        self, Endpoint endpoint, const PeerKey *source, const unsigned char *data, int size
    ) noexcept:
        """Answers a STUN message from an accepted address that changes nothing; False: control is to see it."""
        cdef unsigned char answer[MAX_ANSWER]
        cdef int integrity_at
        if self.endpoint is not endpoint or (
            source.port != self.destination_key.port
            or source.low != self.destination_key.low
            or source.high != self.destination_key.high
        ):
            return False
        integrity_at = self.checks.find_integrity(data, size)
        if integrity_at == 0:
            return False
        if not self.allowance.admit_check(source, self.plane.now_us):
            self.plane.count.stun_limited += 1
            self.tell_limited()
            return True
        size = self.checks.answer(data, integrity_at, source, answer)
        if size == 0:
            self.allowance.return_check(source)
            return False
        self.checks.answered_us = self.plane.now_us
        if endpoint.send_control(&self.destination, answer, size):
            self.sent.update(size, self.plane.now_us)
        return True

    cdef bint handle(self, int kind, unsigned char *data, int size, bint is_elsewhere) noexcept:
        """Acts on one datagram of an accepted address; says whether it was RTP or RTCP that SRTP let pass.

        Args:
            kind: as ``classify`` found, not STUN.
            data: the datagram, which is decrypted in place.
            size: its length in bytes.
            is_elsewhere: the address is not the one we send to.
        """
        if kind == RTP:
            return self._handle_rtp(data, size, is_elsewhere)
        if kind == RTCP:
            return self._handle_rtcp(data, size, is_elsewhere)
        if kind == DTLS:
            if self._admit_dtls():
                self.plane.events.append(DtlsReceived(self, data[:size]))
        elif size > 0 and (data[0] < FIRST_RTP_BYTE or data[0] > LAST_RTP_BYTE):
            self.plane.control_us += DTLS_US
            self.plane.events.append(SctpReceived(self, data[:size]))
        else:
            self.plane.count.malformed += 1
        return False

    cdef void handle_elsewhere(
        self, int kind, unsigned char *data, int size, Endpoint endpoint, object address
    ) noexcept:
        """As ``handle``, for an address that is not the one we send to: control hears of a peer that has moved."""
        if kind == DTLS:  # control should know before it answers
            if self._admit_dtls():
                self.plane.events.append(SenderMoved(self, endpoint, address, False))
                self.plane.events.append(DtlsReceived(self, data[:size]))
        elif self.handle(kind, data, size, True) and kind == RTP:
            self.plane.events.append(SenderMoved(self, endpoint, address, True))

    cdef bint _admit_dtls(self) noexcept:
        if self.allowance.admit_dtls(self.plane.now_us):
            self.plane.control_us += DTLS_US
            return True
        self.plane.count.dtls_limited += 1
        self.tell_limited()
        return False

    cdef bint _handle_rtp(self, unsigned char *data, int size, bint is_elsewhere) noexcept:
        cdef ReceivingHalf receiving = self._receiving
        if not self.connected:
            self.plane.count.not_connected += 1
            return False
        if receiving.unknown.ignores(self._header, data, size):
            self.plane.count.unknown_ssrc += 1
            return False
        if self.encrypted:
            if receiving.inbound is None:
                self.plane.count.not_connected += 1
                return False
            if not receiving.inbound.unprotect(data, &size):
                self.srtp_failures += 1
                self.plane.count.srtp_failed += 1
                return False
            set_packet_size(data, size)
        return self._accept_rtp(data, size, is_elsewhere)

    cdef bint _handle_rtcp(self, unsigned char *data, int size, bint is_elsewhere) noexcept:
        cdef ReceivingHalf receiving = self._receiving
        if not self.connected or (self.encrypted and receiving.inbound is None):
            self.plane.count.not_connected += 1
            return False
        if self.encrypted and not receiving.inbound.unprotect_rtcp(data, &size):
            self.srtp_failures += 1
            self.plane.count.srtp_failed += 1
            return False
        if self.encrypted and receiving.streams.get(read_u32(data + RTCP_SSRC_AT)) == NULL:
            receiving.inbound.remember_rtcp(read_u32(data + RTCP_SSRC_AT), receiving.streams)
        set_packet_size(data, size)
        if not is_elsewhere:
            self.last_heard_us = self.plane.now_us
        if not self.allowance.admit_rtcp(data, size, len(self._senders) + receiving.streams.used, self.plane.now_us):
            self.plane.count.rtcp_limited += 1
            self.tell_limited()
            return False
        self.plane.control_us += rtcp_cost_us(data, size)
        if self.announce_rtcp:
            self.announce_rtcp = False
            self.plane.events.append(RtcpArrived(self))
        self._rtcp.read(self, receiving, data, size)
        return True

    cdef bint _accept_rtp(self, unsigned char *data, int size, bint is_elsewhere) noexcept:
        """Takes a decrypted packet to the stream that its SSRC leads to; False when it is malformed."""
        cdef RtpHeader header = self._header
        cdef ReceivingHalf receiving = self._receiving
        cdef ReceiveStream stream
        cdef void *found
        if header.parse(data, size) != IS_VALID:
            self.plane.count.malformed += 1
            receiving.forget_stranger(read_u32(data + SSRC_AT))
            return False
        if not is_elsewhere:
            self.last_heard_us = self.plane.now_us
        receiving.feedback.on_packet(header, data, size, self.plane.now_us)
        found = receiving.streams.get(header.ssrc)
        if found == NULL or receiving.unknown.holds(header.ssrc):
            self._report_unknown(data, size, found != NULL)
            return True
        stream = <ReceiveStream>found
        if receiving.unknown.names_other_mid(header, data, stream.mid):
            if stream.is_overtaken(header):
                self.plane.count.unknown_ssrc += 1
            else:
                self._report_unknown(data, size, True)
            return True
        self._pass_on(stream, data, size)
        return True

    cdef void _pass_on(self, ReceiveStream stream, unsigned char *data, int size) noexcept:
        """The stream looks at the packet, and its producer takes it when it is a new one."""
        cdef Plane plane = self.plane
        cdef RtpHeader header = self._header
        cdef ProducerPlane producer = <ProducerPlane>stream.producer
        cdef PayloadDescriptor payload
        cdef bint recovered = header.ssrc != stream.ssrc
        if recovered:
            self.rtx_received.update(size, plane.now_us)
        else:
            self.rtp_received.update(size, plane.now_us)
        if plane.payload_count == RECEIVE_COUNT:
            forward_batch(plane)
        payload = stream.receive(header, data, size, recovered)
        if payload is not None and not producer.paused:
            producer.take(stream, header, data, payload, recovered)

    cdef void _report_unknown(self, const unsigned char *data, int size, bint has_stream) noexcept:
        self.plane.count.unknown_ssrc += 1
        if not self._receiving.unknown.report(self, self._header, data, size, has_stream):
            self._receiving.forget_stranger(self._header.ssrc)

    # ------------------------------------------------------------ end

    def close(self):
        """Closes producers and consumers, gives the addresses back. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.connected = False
        for producer in list(self._receiving.producers):
            producer.close()
        self.close_sending()
        for socket, address in self._accepted:
            socket.unbind_transport(address, self)
        self._accepted.clear()
        self._receiving.inbound = None
