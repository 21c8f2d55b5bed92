# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A consumer's half: selects, renumbers, stamps, protects and sends; remembers what may be asked for again."""

import os

from libc.string cimport memcpy, memset

from worker.dataplane.egress cimport Plane
from worker.dataplane.srtp cimport SrtpSession
from worker.dataplane.store cimport Packet, PacketStore, describe_packet
from worker.dataplane.transport cimport Sender, TransportPlane
from worker.rtp.codecs.payload cimport PayloadDescriptor
from worker.rtp.layers cimport SimpleLayerSelector
from worker.rtp.rate cimport RateCalculator
from worker.rtp.retransmission cimport RetransmissionIndex
from worker.rtp.sequence cimport SequenceMapper
from worker.rtp.timestamps cimport TimestampMapper

from worker.dataplane.events import PacketTraced, RtpDelivered

cdef enum:
    DROP = 0
    FORWARD_AFTER_SYNC = 2
    MAX_RESENT = 256  # packets of one retransmit call
    MID_ROOM = 8  # bytes that every packet reserves for the MID


cdef void write_u16(unsigned char *target, unsigned int value) noexcept:
    target[0] = (value >> 8) & 0xFF
    target[1] = value & 0xFF


cdef void write_u32(unsigned char *target, unsigned int value) noexcept:
    target[0] = value >> 24
    target[1] = (value >> 16) & 0xFF
    target[2] = (value >> 8) & 0xFF
    target[3] = value & 0xFF


cdef class Output(Sender):
    """A consumer's half of the plane."""

    def __init__(
        self,
        TransportPlane transport not None,
        *,
        unsigned int ssrc,
        unsigned int rtx_ssrc,
        codec,
        unsigned int clock_rate,
        payload_types,
        rtx_payload_types,
        str mid not None,
        int mid_id,
        int abs_send_time_id,
        int transport_wide_cc_id,
        bint keep_for_retransmission,
        bint needs_key_frame,
        bint ignore_dtx,
    ):
        cdef bytes mid_bytes = mid.encode()
        if len(mid_bytes) > MID_ROOM:
            raise ValueError(f"MID {mid!r} has {len(mid_bytes)} bytes, expected at most {MID_ROOM}")
        self._transport = transport
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.keep_for_retransmission = keep_for_retransmission
        self._selector = SimpleLayerSelector(needs_key_frame, ignore_dtx)
        self._sequence = SequenceMapper()
        self._timestamps = TimestampMapper(clock_rate)
        self._rate = RateCalculator()
        if keep_for_retransmission:
            self._index = RetransmissionIndex()
        for payload_type in payload_types:
            self._supported[payload_type & 127] = 1
        for payload_type, rtx_payload_type in rtx_payload_types.items():
            self._rtx_payload_types[payload_type & 127] = rtx_payload_type
        if mid_id != 0 and mid_bytes:
            self._mid_element[0] = mid_id << 4 | (len(mid_bytes) - 1)
            memcpy(self._mid_element + 1, <const unsigned char *>mid_bytes, len(mid_bytes))
        self._has_abs_send_time = abs_send_time_id != 0
        self._has_transport_wide_cc = transport_wide_cc_id != 0
        self._rtx_sequence = int.from_bytes(os.urandom(2), "big") >> 1
        self.stores = []
        transport.attach(self)
        self.rekey()

    cdef int rekey(self) except -1:
        self._session = self._transport.make_session()
        return 0

    # ------------------------------------------------------------ forwarding

    cdef void forward(self, const Packet *packets, int count) noexcept:
        """The packets of the receive batch that its input has for it."""
        cdef TransportPlane transport = self._transport
        cdef Plane plane
        cdef int index, sent, total = 0, total_sent = 0
        if not self.active or self.closed or not transport.connected:
            return
        if not self.deliver:
            if transport.endpoint is None or transport.endpoint.closed:
                return
            if transport.encrypted and self._session is None:
                return
        plane = transport.plane
        plane.forwarded += count
        for index in range(count):
            sent = self._forward_one(&packets[index])
            if sent > 0:
                total += packets[index].size
                total_sent += sent
        if total > 0:
            self.last_packet_us = plane.now_us
            self._rate.update(total, plane.now_us)
            transport.rtp_sent.update(total, plane.now_us)
            transport.sent.update(total_sent, plane.now_us)

    cdef int _forward_one(self, const Packet *packet) noexcept:
        """Bytes sent, 0 when the packet is not for this output or dropped."""
        cdef Plane plane = self._transport.plane
        cdef unsigned char *slot
        cdef int decision, mapped, size
        cdef unsigned int timestamp
        if self._supported[packet.payload_type] == 0 or packet.size == packet.payload_offset:
            # a codec it does not take, or padding only, which probes the way to us
            self._sequence.drop(packet.sequence_number)
            return 0
        decision = self._selector.select(packet.stream_index, <PayloadDescriptor>packet.payload)
        if decision == DROP:
            if not self._selector.waiting_for_key_frame:
                self._sequence.drop(packet.sequence_number)
            return 0
        if decision == FORWARD_AFTER_SYNC:
            self._sequence.sync(packet.sequence_number)
            self._timestamps.sync(packet.timestamp, plane.now_us)
        mapped = self._sequence.map(packet.sequence_number)
        if mapped < 0:
            return 0
        timestamp = self._timestamps.map(packet.timestamp, plane.now_us)
        if self.deliver:
            slot = plane.batch.reserve(None)
        else:
            slot = plane.batch.reserve(self._transport.endpoint)
        memcpy(slot, packet.data, packet.size)
        self._stamp(slot, packet, mapped, timestamp)
        self.packets += 1
        self.bytes += packet.size
        self.last_sequence = mapped
        self.last_timestamp = timestamp
        if self._index is not None and packet.stored != 0:
            self._index.put(mapped, packet.stream_index, packet.stored, self._timestamps.offset(), plane.now_us)
        if self.trace_rtp or (self.trace_keyframe and (<PayloadDescriptor>packet.payload).is_key_frame):
            self._trace(packet, mapped, timestamp, False)
        if self.deliver:
            plane.events.append(RtpDelivered(self, slot[: packet.size]))
            return packet.size
        return self._send(slot, packet.size)

    cdef void _stamp(
        self, unsigned char *packet, const Packet *layout, unsigned short sequence_number, unsigned int timestamp
    ) noexcept:
        """Writes over the canonical packet what is this output's own; an extension not negotiated becomes padding."""
        cdef unsigned char *element
        write_u16(packet + 2, sequence_number)
        write_u32(packet + 4, timestamp)
        write_u32(packet + 8, self.ssrc)
        if layout.mid_at != 0:
            memcpy(packet + layout.mid_at - 1, self._mid_element, 9)
        if layout.abs_send_time_at != 0:
            element = packet + layout.abs_send_time_at
            if self._has_abs_send_time:
                element[0] = (self._transport.plane.abs_send_time >> 16) & 0xFF
                element[1] = (self._transport.plane.abs_send_time >> 8) & 0xFF
                element[2] = self._transport.plane.abs_send_time & 0xFF
            else:
                memset(element - 1, 0, 4)
        if layout.transport_wide_cc_at != 0:
            element = packet + layout.transport_wide_cc_at
            if self._has_transport_wide_cc:
                write_u16(element, self._transport.twcc_next)
                self._transport.twcc_next += 1
            else:
                memset(element - 1, 0, 3)

    cdef int _send(self, unsigned char *slot, int size) noexcept:
        if self._transport.encrypted and self._session.protect(slot, &size) != 0:
            self._transport.plane.count.srtp_failed += 1
            return 0
        self._transport.plane.batch.commit(&self._transport.destination, size)
        return size

    cdef void _trace(
        self, const Packet *packet, unsigned short sequence_number, unsigned int timestamp, bint is_rtx
    ) noexcept:
        cdef bint is_key_frame = packet.payload != NULL and (<PayloadDescriptor>packet.payload).is_key_frame
        info = describe_packet(packet, self.ssrc, sequence_number, timestamp, packet.size)
        self._transport.plane.events.append(PacketTraced(self, is_key_frame, is_rtx, info))

    # ------------------------------------------------------------ repair

    def retransmit(self, sequence_numbers, long long now_us):
        """Answers a NACK; returns how many packets were sent again (each at most once per RTT, RTX when negotiated)."""
        cdef TransportPlane transport = self._transport
        cdef const Packet *kept
        cdef long long rtt_us = <long long>(self.rtt_ms * 1000)
        cdef unsigned short sequence_number
        cdef int count = 0, size
        if self._index is None or self.closed or not self.active or not transport.connected:
            return 0
        if transport.endpoint is None or (transport.encrypted and self._session is None):
            return 0
        transport.plane.begin(now_us)
        for sequence_number in sequence_numbers[:MAX_RESENT]:
            if self._index.take(sequence_number, now_us, rtt_us) != 1 or self._index.slot >= len(self.stores):
                continue
            kept = (<PacketStore>self.stores[self._index.slot]).get(self._index.generation)
            if kept == NULL:
                continue
            size = self._resend(kept, sequence_number)
            if size == 0:
                continue
            count += 1
            self.packets_retransmitted += 1
            self.bytes_retransmitted += kept.size
            self.packets_repaired += self._index.resent_count == 1
            transport.sent.update(size, now_us)
            transport.rtx_sent.update(kept.size, now_us)
            if self.trace_rtp:
                self._trace(kept, sequence_number, kept.timestamp + self._index.timestamp_offset, True)
        transport.plane.batch.release()
        transport.plane.settle()
        return count

    cdef int _resend(self, const Packet *kept, unsigned short sequence_number) noexcept:
        """RFC 4588 section 4: the original header, the original sequence number, the original payload."""
        cdef unsigned char *slot = self._transport.plane.batch.reserve(self._transport.endpoint)
        cdef unsigned char rtx_payload_type = self._rtx_payload_types[kept.payload_type]
        cdef int head = kept.payload_offset, size = kept.size
        memcpy(slot, kept.data, head)
        self._stamp(slot, kept, sequence_number, kept.timestamp + self._index.timestamp_offset)
        if self.rtx_ssrc == 0 or rtx_payload_type == 0:
            memcpy(slot + head, kept.data + head, size - head)
            return self._send(slot, size)
        self._rtx_sequence += 1
        slot[1] = (slot[1] & 0x80) | rtx_payload_type
        write_u16(slot + 2, self._rtx_sequence)
        write_u32(slot + 8, self.rtx_ssrc)
        write_u16(slot + head, sequence_number)
        memcpy(slot + head + 2, kept.data + head, size - head)
        self.rtx_packets += 1
        self.rtx_bytes += size + 2
        return self._send(slot, size + 2)

    # ------------------------------------------------------------ control

    @property
    def waiting_for_key_frame(self):
        """Nothing is forwarded until a key frame comes."""
        return bool(self._selector.waiting_for_key_frame)

    @property
    def max_packet_us(self):
        """When the packet with the newest timestamp was sent."""
        return self._timestamps.max_output_us

    def sync(self):
        """A clean restart: sequence numbers and timestamps go on without a gap, video begins at the next key frame."""
        self._selector.sync()

    def bitrate(self, long long now_us):
        """Bit/s of the last 2.5 s, retransmissions left out."""
        return self._rate.bitrate(now_us)

    def timestamp_at(self, long long now_us):
        """The RTP timestamp that belongs to ``now_us`` for a sender report (RFC 3550 section 6.4.1)."""
        return self._timestamps.at(now_us)

    def close(self):
        """Leaves its input and its transport. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.active = False
        if self.source is not None:
            self.source.remove_output(self)
        self._transport.detach(self)
        self._session = None
