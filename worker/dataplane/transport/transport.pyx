# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A transport's half in the plane: whom it hears, where it sends, its keys, and its SSRC table."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from miso.worker.dataplane.sockets.addresses cimport PeerAddress, key_of_name
from miso.worker.dataplane.transport.control_allowance cimport ControlAllowance, rtcp_cost_us
from miso.worker.dataplane.plane cimport DTLS_US, Plane
from miso.worker.dataplane.sockets.batch cimport MAX_PACKET, Endpoint, Sender
from miso.worker.dataplane.sanitizer cimport SLOT_ROOM, fence
from miso.worker.dataplane.transport.srtp cimport SrtpSession
from miso.worker.dataplane.transport.ssrc_table cimport SsrcTable
from miso.worker.dataplane.transport.unknown_ssrcs cimport UnknownSsrcs
from miso.worker.bwe.remb cimport RemoteBitrateEstimator
from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.bwe.transport_feedback cimport TransportFeedback
from miso.worker.rtp.enums cimport DTLS, RTCP, RTP, STUN
from miso.worker.rtp.packet cimport RtpHeader, classify
from miso.worker.rtp.rate cimport RateCalculator

from miso.worker.dataplane.events import DtlsReceived, RtcpReceived, SctpReceived, SenderMoved, TrafficLimited
from miso.worker.dataplane.transport.srtp import check_key
from miso.worker.errors import InvalidStateError

cdef inline uint32_t read_u32(const unsigned char *data) noexcept:
    return <uint32_t>data[0] << 24 | <uint32_t>data[1] << 16 | <uint32_t>data[2] << 8 | data[3]


cdef class Receiver:
    """What the SSRC table of a transport leads to."""

    cdef bint is_overtaken(self, RtpHeader header) noexcept:
        return False

    cdef void receive(self, RtpHeader header, unsigned char *data, int size) noexcept:
        pass


cdef class TransportPlane:
    """Whom a transport hears, where it sends, its keys, and its SSRC table.

    A peer finds only the streams of its own transport in the table: whatever SSRC it claims, it harms nobody else.
    """

    def __init__(self, Plane plane not None, bint encrypted):
        self.plane = plane
        self.encrypted = encrypted
        self.connected = False
        self.twcc_next = 1
        self.allowance = ControlAllowance()
        self._accepted = []
        self._producers = set()
        self._senders = set()
        self._streams = SsrcTable()
        self._unknown = UnknownSsrcs(plane)
        self._header = plane.header
        self.received = RateCalculator()
        self.sent = RateCalculator()
        self.rtp_received = RateCalculator()
        self.rtp_sent = RateCalculator()
        self.rtx_received = RateCalculator()
        self.rtx_sent = RateCalculator()
        self.probation_sent = RateCalculator()

    # ------------------------------------------------------------ addresses

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

    def set_destination(self, Endpoint socket, address):
        """Where RTP (and, without set_rtcp_destination, RTCP) goes; None: nowhere, packets are not sent."""
        self.endpoint = None
        if socket is not None and not self.closed:
            socket.resolve(address, &self.destination)
            key_of_name(&self.destination.name, &self._destination_key)
            self.endpoint = socket

    def set_rtcp_destination(self, Endpoint socket, address):
        """Where RTCP goes instead of to the destination of RTP; None: there again."""
        self._rtcp_endpoint = None
        if socket is not None and not self.closed:
            socket.resolve(address, &self._rtcp_destination)
            self._rtcp_endpoint = socket

    def set_srtp(self, suite, bytes remote_key not None, bytes local_key not None):
        """Keys are master key followed by master salt (RFC 3711). Raises ValueError for wrong lengths."""
        cdef Sender sender
        check_key(suite, remote_key)
        check_key(suite, local_key)
        self._suite = suite
        self._local_key = local_key
        self._inbound = SrtpSession(suite, remote_key, inbound=True)
        # the only one for outgoing SRTCP: a second would use index and keystream of the first again
        self._outbound_rtcp = self.make_session()
        for sender in self._senders:
            sender.rekey()

    cdef SrtpSession make_session(self):
        if self._local_key is None:
            return None
        return SrtpSession(self._suite, self._local_key, inbound=False)

    def set_receive_extensions(
        self, *, int mid=0, int rid=0, int repaired_rid=0, int abs_send_time=0, int transport_wide_cc=0
    ):
        """Header-extension ids of what this transport receives, 0 = not used (RFC 8285)."""
        self._unknown.mid_id = mid
        self._unknown.rid_id = rid
        self._unknown.repaired_rid_id = repaired_rid
        self._abs_send_time_id = abs_send_time
        self._transport_wide_cc_id = transport_wide_cc

    # ------------------------------------------------------------ receiving

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
            fence(slot, len(packet))
            memcpy(slot, <const unsigned char *>packet, len(packet))
            self._accept_rtp(slot, len(packet))
            self.plane.forward()
        return self.plane.finish()

    def count_received(self, int size, long long now_us):
        """Counts bytes that came from the application instead of the network (direct transports)."""
        self.received.update(size, now_us)

    def count_sent(self, int size, long long now_us):
        """Counts bytes that went to the application instead of the network (direct transports)."""
        self.sent.update(size, now_us)

    def receive_protected(self, socket, address, bytes data not None, long long now_us):
        """Feeds one datagram as it came: again after UnknownSender, once control has accepted the address."""
        cdef unsigned char *slot
        self.plane.begin(now_us)
        if len(data) > MAX_PACKET:
            self.plane.count.truncated += 1
        elif not self.closed:
            slot = self.plane.scratch()
            fence(slot, len(data))
            memcpy(slot, <const unsigned char *>data, len(data))
            self.received.update(len(data), now_us)
            self.handle(classify(slot, len(data)), slot, len(data))
            self.plane.forward()
        return self.plane.finish()

    cdef void handle(self, int kind, unsigned char *data, int size) noexcept:
        """One datagram from an accepted address."""
        if kind == RTP:
            self._handle_rtp(data, size)
        elif kind == RTCP:
            self._handle_rtcp(data, size)
        elif kind == DTLS:
            if self._admit_dtls():
                self.plane.events.append(DtlsReceived(self, data[:size]))
        elif size > 0 and (data[0] < 128 or data[0] > 191):
            self.plane.control_us += DTLS_US
            self.plane.events.append(SctpReceived(self, data[:size]))
        else:
            self.plane.count.malformed += 1

    cdef void handle_elsewhere(
        self, int kind, unsigned char *data, int size, Endpoint endpoint, object address
    ) noexcept:
        """One datagram from an accepted address that is not where we send to."""
        cdef unsigned long long genuine = self._genuine
        if kind == DTLS:  # control should know before it answers
            if self._admit_dtls():
                self.plane.events.append(SenderMoved(self, endpoint, address, False))
                self.plane.events.append(DtlsReceived(self, data[:size]))
            return
        self._is_elsewhere = True
        self.handle(kind, data, size)
        self._is_elsewhere = False
        if self._genuine != genuine:
            self.plane.events.append(SenderMoved(self, endpoint, address, True))

    cdef bint _admit_dtls(self) noexcept:
        if self.allowance.admit_dtls(self.plane.now_us):
            self.plane.control_us += DTLS_US
            return True
        self.plane.count.dtls_limited += 1
        self.tell_limited()
        return False

    cdef void tell_limited(self) noexcept:
        """The peer asks more of control than it may: something was dropped."""
        if self.allowance.is_news(self.plane.now_us):
            self.plane.events.append(TrafficLimited(self))

    cdef void _handle_rtp(self, unsigned char *data, int size) noexcept:
        if not self.connected:
            self.plane.count.not_connected += 1
            return
        if self._unknown.ignores(self._header, data, size):
            self.plane.count.unknown_ssrc += 1
            return
        if self.encrypted:
            if self._inbound is None:
                self.plane.count.not_connected += 1
                return
            if self._inbound.unprotect(data, &size) != 0:
                self.plane.count.srtp_failed += 1
                return
            fence(data, size)
        self._accept_rtp(data, size)

    cdef void _handle_rtcp(self, unsigned char *data, int size) noexcept:
        if not self.connected or (self.encrypted and self._inbound is None):
            self.plane.count.not_connected += 1
            return
        if self.encrypted and self._inbound.unprotect_rtcp(data, &size) != 0:
            self.plane.count.srtp_failed += 1
            return
        if self.encrypted and self._streams.get(read_u32(data + 4)) == NULL:
            self._inbound.remember_rtcp(read_u32(data + 4), self._streams)
        fence(data, size)
        if not self._is_elsewhere:
            self.last_heard_us = self.plane.now_us
        if not self.allowance.admit_rtcp(data, size, len(self._senders) + self._streams.used, self.plane.now_us):
            self.plane.count.rtcp_limited += 1
            self.tell_limited()
            return
        self.plane.control_us += rtcp_cost_us(data, size)
        self.plane.events.append(RtcpReceived(self, data[:size]))

    cdef void _accept_rtp(self, unsigned char *data, int size) noexcept:
        cdef RtpHeader header = self._header
        cdef void *found
        cdef Receiver receiver
        if header.parse(data, size) != 0:
            self.plane.count.malformed += 1
            if self._inbound is not None and self._streams.get(read_u32(data + 8)) == NULL:
                self._inbound.forget(read_u32(data + 8))  # SRTP let it pass, and remembers its SSRC
            return
        self._genuine += 1
        if not self._is_elsewhere:
            self.last_heard_us = self.plane.now_us
        self._estimate(header, data, size)
        found = self._streams.get(header.ssrc)
        if found == NULL or self._unknown.holds(header.ssrc):
            self._report_unknown(data, size, found != NULL)
            return
        receiver = <Receiver>found
        if self._unknown.names_other_mid(header, data, receiver.mid):
            if receiver.is_overtaken(header):
                self.plane.count.unknown_ssrc += 1
            else:
                self._report_unknown(data, size, True)
            return
        if header.ssrc == receiver.rtx_ssrc:
            self.rtx_received.update(size, self.plane.now_us)
        else:
            self.rtp_received.update(size, self.plane.now_us)
        receiver.receive(header, data, size)

    cdef void _estimate(self, RtpHeader header, const unsigned char *data, int size) noexcept:
        """What the sender's congestion control lives on; probing packets of padding only count too."""
        cdef int found, at
        if self._feedback is not None and self._transport_wide_cc_id != 0:
            found = header.find_extension(self._transport_wide_cc_id)
            if found >= 0 and header.element_sizes[found] == 2:
                at = header.element_offsets[found]
                self._feedback.media_ssrc = header.ssrc
                self._feedback.on_packet(data[at] << 8 | data[at + 1], self.plane.now_us)
        if self.remb is not None and self._abs_send_time_id != 0:
            found = header.find_extension(self._abs_send_time_id)
            if found >= 0 and header.element_sizes[found] == 3:
                at = header.element_offsets[found]
                self.remb.on_packet(data[at] << 16 | data[at + 1] << 8 | data[at + 2], self.plane.now_us, size)

    cdef void _report_unknown(self, const unsigned char *data, int size, bint has_stream) noexcept:
        cdef uint32_t ssrc = self._header.ssrc
        self.plane.count.unknown_ssrc += 1
        if not self._unknown.report(self, self._header, data, size, has_stream) and not has_stream:
            if self._inbound is not None:
                self._inbound.forget(ssrc)

    cdef dict describe_extensions(self, const unsigned char *data):
        """What a trace event says of a received packet's header extensions."""
        cdef int found = -1, at
        cdef UnknownSsrcs sources = self._unknown
        names = {"mid": sources.mid_id, "rid": sources.rid_id, "rrid": sources.repaired_rid_id}
        info = {}
        for name, extension_id in names.items():
            text = sources.text(self._header, data, extension_id)
            if text:
                info[name] = text
        if self._transport_wide_cc_id != 0:
            found = self._header.find_extension(self._transport_wide_cc_id)
        if found >= 0 and self._header.element_sizes[found] == 2:
            at = self._header.element_offsets[found]
            info["wideSequenceNumber"] = data[at] << 8 | data[at + 1]
        return info

    def ignore_ssrc(self, unsigned int ssrc):
        """No more UnknownSsrc for it while its packets say what the last one said, or until a new stream or producer.

        That is remembered of a bounded number of SSRCs.
        """
        if self._streams.get(ssrc) != NULL:
            return
        self._unknown.ignore(ssrc)
        if self._inbound is not None:
            self._inbound.forget(ssrc)

    cdef int add_receiver(self, unsigned int ssrc, Receiver receiver) except -1:
        if self._streams.get(ssrc) != NULL:
            raise ValueError(f"the transport has SSRC {ssrc} already")
        self._streams.put(ssrc, <void *>receiver)
        self._unknown.reconsider()
        return 0

    cdef void remove_receiver(self, unsigned int ssrc, Receiver receiver) noexcept:
        if self._streams.get(ssrc) == <void *>receiver:
            self._streams.remove(ssrc)
            self._unknown.reconsider()
            if self._inbound is not None:
                self._inbound.forget(ssrc)

    # ------------------------------------------------------------ sending

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
        cdef Endpoint endpoint = self._rtcp_endpoint
        cdef const PeerAddress *destination = &self._rtcp_destination
        cdef unsigned char *slot = self.plane.scratch()
        cdef int size = len(packet)
        cdef bint sent
        if endpoint is None:
            endpoint = self.endpoint
            destination = &self.destination
        if endpoint is None or not self.connected or size > MAX_PACKET or size < 8:
            return False
        fence(slot, SLOT_ROOM)
        memcpy(slot, <const unsigned char *>packet, size)
        if self.encrypted:
            if self._outbound_rtcp is None:
                return False
            if self._outbound_rtcp.protect_rtcp(slot, &size) != 0:
                self.plane.count.srtp_failed += 1
                return False
        sent = endpoint.send_control(destination, slot, size)
        if sent:
            self.sent.update(size, self.plane.now_us)
        self.plane.settle()
        return sent

    # ------------------------------------------------------------ bandwidth

    cdef unsigned short next_transport_wide_number(self, int size) noexcept:
        """For a packet that is sent now; the estimate remembers it."""
        cdef unsigned short number = self.twcc_next
        self.twcc_next += 1
        if self.outgoing is not None:
            self.outgoing.on_sent(number, size, self.plane.now_us)
        return number

    def enable_transport_wide_feedback(self, bint enabled):
        """Records from now on when packets with a transport-wide sequence number arrive, or stops and forgets."""
        if not enabled:
            self._feedback = None
        elif self._feedback is None:
            self._feedback = TransportFeedback()

    def poll_transport_wide_feedback(self, long long now_us, unsigned int sender_ssrc):
        """The RTCP feedback packets (draft-holmer-rmcat-transport-wide-cc-extensions-01) due now, maybe none."""
        return [] if self._feedback is None else self._feedback.poll(now_us, sender_ssrc)

    def enable_remb(self, bint enabled):
        """Estimates from now on what the way to us can carry, by abs-send-time, or stops and forgets."""
        if not enabled:
            self.remb = None
        elif self.remb is None:
            self.remb = RemoteBitrateEstimator()
            self.remb.max_bitrate_bps = self._max_incoming_bitrate_bps

    def poll_remb(self, long long now_us):
        """The receive-side estimate in bit/s when a REMB is due, else None."""
        cdef long long estimate = -1
        if self.remb is not None:
            estimate = self.remb.poll(now_us)
        return estimate if estimate >= 0 else None

    @property
    def max_incoming_bitrate_bps(self):
        """No REMB asks for more; 0: no limit."""
        return self._max_incoming_bitrate_bps

    @max_incoming_bitrate_bps.setter
    def max_incoming_bitrate_bps(self, long long value):
        self._max_incoming_bitrate_bps = value
        if self.remb is not None:
            self.remb.max_bitrate_bps = value

    # ------------------------------------------------------------ figures

    @property
    def bytes_received(self):
        return self.received.bytes

    @property
    def bytes_sent(self):
        return self.sent.bytes

    @property
    def rtp_bytes_received(self):
        return self.rtp_received.bytes

    @property
    def rtp_bytes_sent(self):
        return self.rtp_sent.bytes

    @property
    def rtx_bytes_received(self):
        return self.rtx_received.bytes

    @property
    def rtx_bytes_sent(self):
        return self.rtx_sent.bytes

    @property
    def probation_bytes_sent(self):
        return self.probation_sent.bytes

    def bitrate(self, str which not None, long long now_us):
        """Bit/s of the last 2.5 s: "received", "sent", "rtp_received", "rtp_sent", "rtx_received", "rtx_sent", "probation_sent"."""
        cdef RateCalculator rate
        rate = {
            "received": self.received,
            "sent": self.sent,
            "rtp_received": self.rtp_received,
            "rtp_sent": self.rtp_sent,
            "rtx_received": self.rtx_received,
            "rtx_sent": self.rtx_sent,
            "probation_sent": self.probation_sent,
        }[which]
        return rate.bitrate(now_us)

    # ------------------------------------------------------------ children

    def add_producer(self):
        """Makes a producer's half that receives from this transport."""
        from miso.worker.dataplane.producer.producer import ProducerPlane  # which is built on this module

        return ProducerPlane(self)

    def attach(self, child):
        """A producer or consumer lives on this transport: it is closed with it."""
        if self.closed:
            raise InvalidStateError("the transport is closed")
        (self._senders if isinstance(child, Sender) else self._producers).add(child)
        self._unknown.begin_anew()

    def detach(self, child):
        """The producer or consumer is closed."""
        self._senders.discard(child)
        self._producers.discard(child)
        self._unknown.reconsider()

    def close(self):
        """Closes producers and consumers, gives the addresses back. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.connected = False
        for child in [*self._producers, *self._senders]:
            child.close()
        for socket, address in self._accepted:
            socket.unbind_transport(address, self)
        self._accepted.clear()
        self.endpoint = None
        self._rtcp_endpoint = None
        self._inbound = None
        self._outbound_rtcp = None
        self._local_key = None
        self.outgoing = None
