# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A consumer's half: selects, renumbers, stamps, protects and sends; remembers what may be asked for again."""

import os

from libc.string cimport memcpy, memset

from worker.bwe.send_side cimport SendSideEstimator
from worker.dataplane.beginning cimport BEGIN, MISSED, Beginning, Verdict
from worker.dataplane.egress cimport MAX_PACKET, Plane
from worker.dataplane.parameter_sets cimport MAX_SET_SIZE, ParameterSets
from worker.dataplane.prefetch cimport RATE_LINES, prefetch, prefetch_estimator, prefetch_lines, prefetch_rates
from worker.dataplane.receive_stream cimport ReceiveStream
from worker.dataplane.srtp cimport SrtpSession
from worker.dataplane.store cimport Packet, PacketStore, describe_packet
from worker.dataplane.transport cimport Sender, TransportPlane
from worker.dataplane.writing cimport (
    FILLER_SIZE,
    RTX_FILLER_SIZE,
    read_u32,
    rewrite,
    write_filler,
    write_u16,
    write_u32,
)
from worker.rtp.codecs.payload cimport PayloadDescriptor
from worker.rtp.layers cimport LayerSelector
from worker.rtp.rate cimport RateCalculator
from worker.rtp.retransmission cimport RetransmissionIndex
from worker.rtp.sequence cimport SequenceMapper
from worker.rtp.timestamps cimport TimestampMapper, clock_offset

from worker.dataplane.events import KeyFrameNeeded, LayersSwitched, PacketTraced, RtpDelivered

cdef enum:
    # what a selector answers, and what it has to tell
    DROP = 0
    FORWARD_AFTER_SYNC = 2
    IGNORE = 3
    LAYERS_CHANGED = 1
    KEY_FRAME_MISSED = 2
    MAX_HEADER = 512  # bytes of RTP header that a packet with parameter sets may take over
    VP8 = 2  # codec; it and those that follow have key frames
    TRAILER_ROOM = 32  # bytes, what SRTP adds at most
    MAX_RESENT = 256  # packets of one retransmit call
    FREE_REPAIR_BPS = 1000000  # besides twice what the transport sends: who asks for more wants a flood
    OUTPUT_LINES = 10  # of the cache that an object's hot part takes, likewise below
    TRANSPORT_LINES = 10
    INDEX_LINES = 3
    ROW_WORDS = 7  # of the index
    MAPPER_LINES = 3
    SELECTOR_LINES = 2
    MID_ROOM = 8  # bytes that every packet reserves for the MID
    FILLER = 0xFFFF  # in the index, in place of a stream: the generation is the payload type, the offset the timestamp

cdef Beginning BEGINNING = Beginning()


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
        LayerSelector selector not None,
    ):
        cdef bytes mid_bytes = mid.encode()
        if len(mid_bytes) > MID_ROOM:
            raise ValueError(f"MID {mid!r} has {len(mid_bytes)} bytes, expected at most {MID_ROOM}")
        self._transport = transport
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.keep_for_retransmission = keep_for_retransmission
        self.keeps_packets = keep_for_retransmission or codec >= VP8
        self._selector = selector
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
        self.streams = []
        transport.attach(self)
        self.rekey()

    cdef int rekey(self) except -1:
        self._session = self._transport.make_session()
        return 0

    # ------------------------------------------------------------ forwarding

    cdef void approach(self, int distance) noexcept:
        """Fetches into the cache what ``forward`` will touch, while other outputs' packets are encrypted and sent.

        Among a hundred outputs each finds its memory cold. Called ``APPROACH`` to one outputs ahead, because what is
        further away is reached through pointers in what was fetched before.
        """
        cdef TransportPlane transport
        if distance == APPROACH:
            prefetch_lines(<void *>self, OUTPUT_LINES)
            return
        transport = self._transport
        if distance == 3:
            prefetch_lines(<void *>self._transport, TRANSPORT_LINES)
            prefetch_lines(<void *>self._rate, RATE_LINES)
            prefetch_lines(<void *>self._selector, SELECTOR_LINES)
            prefetch_lines(<void *>self._sequence, MAPPER_LINES)
            prefetch_lines(<void *>self._timestamps, MAPPER_LINES)
            prefetch_lines(<void *>self._index, INDEX_LINES)
            prefetch(<void *>self._session)
        elif distance == 2:
            prefetch_rates(transport)
            if self._index is not None and self._index._capacity > 0:
                prefetch(&self._index._rows[((self.last_sequence + 1) & (self._index._capacity - 1)) * ROW_WORDS])
        elif transport.outgoing is not None:
            prefetch_estimator(transport.outgoing)

    cdef void forward(self, const Packet *packets, int count) noexcept:
        """The packets of the receive batch that its input has for it."""
        cdef TransportPlane transport = self._transport
        cdef Plane plane
        cdef int index, total_sent = 0
        if not self.active or self.closed or not transport.connected:
            return
        if not self.deliver:
            if transport.endpoint is None or transport.endpoint.closed:
                return
            if transport.encrypted and self._session is None:
                return
        plane = transport.plane
        plane.forwarded += count
        self._emitted = 0
        for index in range(count):
            total_sent += self._forward_one(&packets[index])
        if self._emitted > 0:
            self.last_packet_us = plane.now_us
            self._rate.update(self._emitted, plane.now_us)
            transport.rtp_sent.update(self._emitted, plane.now_us)
            transport.sent.update(total_sent, plane.now_us)

    cdef int _forward_one(self, const Packet *packet) noexcept:
        """Bytes sent, 0 when the packet is not for this output or dropped."""
        cdef int decision
        if packet.restarted and self._is_numbered(packet):
            self._selector.restart(packet.timestamp)
            self._sequence.sync(packet.sequence_number)
        if self._supported[packet.payload_type] == 0 or packet.size == packet.payload_offset:
            # a codec it does not take, or padding only, which probes the way to us
            if self._is_numbered(packet):
                self._leave_out(packet)
            return 0
        decision = self._selector.select(
            packet.stream_index, <PayloadDescriptor>packet.payload, packet.timestamp, False
        )
        if decision == FORWARD_AFTER_SYNC:
            return self._begin_at(packet)
        if self._selector.notice != 0:
            self._tell(packet.stream_index)
        return self._follow(packet, decision)

    cdef int _follow(self, const Packet *packet, int decision) noexcept:
        """Does with the packet what the selector said, while the stream flows; bytes sent."""
        if decision == IGNORE:
            return 0
        if decision == DROP:
            self._leave_out(packet)
            return 0
        return self._pass_on(packet)

    cdef int _begin_at(self, const Packet *packet) noexcept:
        """Begins with the key frame that the packet is of, if all of it is there or may still come; bytes sent."""
        cdef PacketStore store = self.stores[packet.stream_index]
        cdef Packet other = packet[0]
        cdef Verdict verdict = BEGIN
        cdef int distance, sent = 0
        BEGINNING.clear()
        if self._selector.waiting_for_key_frame:
            verdict = BEGINNING.judge(
                self.streams[packet.stream_index], store, packet, self._selector.current_spatial >= 0
            )
            if verdict == BEGIN and BEGINNING.first < 0:
                BEGINNING.take(store, BEGINNING.first, &other)
            elif verdict == MISSED:
                self._selector.notice |= KEY_FRAME_MISSED
        if verdict != BEGIN or not self._begin(&other):
            self._tell(packet.stream_index)
            return 0
        if BEGINNING.without_sets:
            sent = self._send_parameter_sets(self.streams[packet.stream_index], store, &other)
            BEGINNING.take(store, BEGINNING.first, &other)  # which may have moved
        sent += self._pass_on(&other)
        for distance in range(BEGINNING.first + 1, BEGINNING.last + 1):
            if distance == 0:
                other = packet[0]
            elif not BEGINNING.take(store, distance, &other):
                continue
            sent += self._follow(&other, self._select_again(&other))
        self._tell(packet.stream_index)
        return sent

    cdef int _select_again(self, const Packet *packet) noexcept:
        """What becomes of a packet that was of no concern when it came."""
        if self._supported[packet.payload_type] == 0 or packet.size == packet.payload_offset:
            return DROP
        return self._selector.select(
            packet.stream_index, <PayloadDescriptor>packet.payload, packet.timestamp, False
        )

    cdef int _send_parameter_sets(self, ReceiveStream stream, PacketStore store, const Packet *first) noexcept:
        """Sends what a decoder of H264 must know before the packet with which the stream begins; bytes sent."""
        cdef unsigned char room[MAX_HEADER + MAX_SET_SIZE]
        cdef ParameterSets known = stream.parameter_sets
        cdef Packet packet = first[0]
        cdef unsigned short number = self._sequence.max_output
        cdef int at, sent = 0
        memcpy(room, first.data, first.payload_offset)
        room[1] &= 0x7F  # the picture does not end with it
        packet.data = room
        packet.marker = False
        packet.payload = NULL
        packet.sequence_number -= 0x4000  # no beginning finds it beside packets that came
        for at in range(known.count):
            memcpy(room + packet.payload_offset, known.sets[at].data, known.sets[at].size)
            packet.size = packet.payload_offset + known.sets[at].size
            packet.stored = store.put(&packet, self._transport.plane.now_us)
            number += 1
            sent += self._emit(&packet, number, 0)
        self._sequence.max_output = number
        self._sequence.sync(first.sequence_number)
        return sent

    cdef void _leave_out(self, const Packet *packet) noexcept:
        """The numbers close up; one that later packets have passed already is filled with a packet of padding only."""
        cdef TransportPlane transport = self._transport
        cdef Plane plane = transport.plane
        cdef unsigned char *slot
        cdef unsigned int timestamp
        cdef int number = self._sequence.drop(packet.sequence_number), sent
        if number < 0:
            return
        timestamp = packet.timestamp + self._timestamps.offset()
        self._keep_filler(number, timestamp)
        if not self._has_room(FILLER_SIZE):
            return
        slot = plane.batch.reserve(None if self.deliver else transport.endpoint)
        write_filler(slot, self._payload_type, number, timestamp, self.ssrc)
        sent = self._send(slot, FILLER_SIZE)
        self.packets += 1
        self.bytes += FILLER_SIZE
        self._rate.update(FILLER_SIZE, plane.now_us)
        transport.rtp_sent.update(FILLER_SIZE, plane.now_us)
        transport.sent.update(sent, plane.now_us)

    cdef void _keep_filler(self, unsigned short number, unsigned int timestamp) noexcept:
        if self._index is not None:
            self._index.put(number, FILLER, self._payload_type, timestamp, self._transport.plane.now_us, 0)

    cdef int _pass_on(self, const Packet *packet) noexcept:
        """Renumbers and sends a packet that was selected; bytes sent."""
        cdef int mapped = self._sequence.map(packet.sequence_number)
        return self._emit(packet, mapped, self._selector.rewrite) if mapped >= 0 else 0

    cdef int _emit(self, const Packet *packet, unsigned short mapped, unsigned int word) noexcept:
        """Stamps, rewrites (``LayerSelector.rewrite``), remembers and sends a packet; bytes sent."""
        cdef Plane plane = self._transport.plane
        cdef unsigned char *slot
        cdef unsigned int timestamp
        timestamp = self._timestamps.map(packet.timestamp, plane.now_us)
        self._payload_type = packet.payload_type
        self.forwarded_stream = packet.stream_index
        if not self._has_room(packet.size):  # the receiver misses the number, and may ask for it
            self.last_sequence = mapped
            self._remember(packet, mapped, word)
            return 0
        slot = plane.batch.reserve(None if self.deliver else self._transport.endpoint)
        memcpy(slot, packet.data, packet.size)
        self._stamp(slot, packet, mapped, timestamp)
        if word != 0:
            rewrite(slot, slot + packet.payload_offset, packet.size - packet.payload_offset, word)
        self.packets += 1
        self.bytes += packet.size
        self._emitted += packet.size
        self.last_sequence = mapped
        if mapped == self._sequence.max_output:
            self._is_picture_complete = slot[1] >> 7 == 1
        self.last_timestamp = timestamp
        self._remember(packet, mapped, word)
        if self.trace_rtp or (
            self.trace_keyframe and packet.payload != NULL and (<PayloadDescriptor>packet.payload).is_key_frame
        ):
            self._trace(packet, mapped, timestamp, False)
        return self._send(slot, packet.size)

    cdef bint _has_room(self, int size) noexcept:
        """Whether the connection takes another packet; one that is dropped counts nowhere but here."""
        if self.deliver or self._transport.endpoint.has_room(size + TRAILER_ROOM):
            return True
        self._transport.plane.count.tcp_full += 1
        return False

    cdef void _remember(self, const Packet *packet, unsigned short number, unsigned int word) noexcept:
        """What may be asked for again."""
        if self._index is not None and packet.stored != 0:
            self._index.put(
                number,
                packet.stream_index,
                packet.stored,
                self._timestamps.offset(),
                self._transport.plane.now_us,
                word,
            )

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        cdef TransportPlane transport = self._transport
        cdef long long now_us = transport.plane.now_us
        transport.sent.take_back(size, now_us)
        if not is_repair:
            self.packets -= 1
            self.bytes -= plain_size
            self._rate.take_back(plain_size, now_us)
            transport.rtp_sent.take_back(plain_size, now_us)
            return
        self.packets_retransmitted -= 1
        self.bytes_retransmitted -= plain_size
        transport.rtx_sent.take_back(plain_size, now_us)
        if self.rtx_ssrc != 0 and read_u32(packet + 8) == self.rtx_ssrc:
            self.rtx_packets -= 1
            self.rtx_bytes -= plain_size

    cdef bint _is_numbered(self, const Packet *packet) noexcept:
        return self._selector.numbered_stream == -1 or self._selector.numbered_stream == packet.stream_index

    cdef bint _begin(self, const Packet *packet) noexcept:
        """The numbers go on with this packet of another stream, or after a pause. False: this key frame is left out."""
        cdef int reference = self._selector.reference_stream
        if reference < 0:
            self._timestamps.resume(packet.timestamp, self._transport.plane.now_us)
        elif reference == packet.stream_index:
            if not self._timestamps.switch(packet.timestamp, 0):
                self._selector.notice |= KEY_FRAME_MISSED
                return False
        elif not self._align(packet, reference):
            self._selector.notice |= KEY_FRAME_MISSED
            return False
        if reference >= 0 and self.packets > 0 and not self._is_picture_complete:
            # a number left out tells the receiver that the picture of the stream before is not all there
            self._sequence.max_output += 1
            self._keep_filler(self._sequence.max_output, self.last_timestamp)
        self._sequence.sync(packet.sequence_number)
        self._selector.begin(packet.stream_index, <PayloadDescriptor>packet.payload, packet.timestamp)
        return True

    cdef bint _align(self, const Packet *packet, int reference) noexcept:
        """Puts the timestamps of a stream in line with those of the reference stream (RFC 3550 section 6.4.1)."""
        cdef object stream, other
        if not self.can_switch_to(packet.stream_index):
            self._timestamps.sync(packet.timestamp, self._transport.plane.now_us)
            return True
        stream = self.streams[packet.stream_index]
        other = self.streams[reference]
        return self._timestamps.switch(
            packet.timestamp,
            clock_offset(
                stream.sender_report_ntp,
                stream.sender_report_timestamp,
                other.sender_report_ntp,
                other.sender_report_timestamp,
                self._timestamps.clock_rate,
            ),
        )

    cdef void _tell(self, int stream_index) noexcept:
        cdef LayerSelector selector = self._selector
        if selector.notice & LAYERS_CHANGED:
            self._transport.plane.events.append(
                LayersSwitched(self, selector.current_spatial, selector.current_temporal)
            )
        if selector.notice & KEY_FRAME_MISSED and stream_index < len(self.streams):
            self._transport.plane.events.append(KeyFrameNeeded(self.streams[stream_index]))
        selector.notice = 0

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
                write_u16(element, self._transport.next_transport_wide_number(layout.size))
            else:
                memset(element - 1, 0, 3)

    cdef int _send(self, unsigned char *slot, int size) noexcept:
        cdef int plain_size = size
        if self.deliver:
            self._transport.plane.events.append(RtpDelivered(self, slot[:size]))
            return size
        if self._transport.encrypted and self._session.protect(slot, &size) != 0:
            self._transport.plane.count.srtp_failed += 1
            return 0
        self._transport.plane.batch.commit(
            &self._transport.destination, size, self, plain_size, self._is_repairing
        )
        return size

    cdef void _trace(
        self, const Packet *packet, unsigned short sequence_number, unsigned int timestamp, bint is_rtx
    ) noexcept:
        cdef bint is_key_frame = packet.payload != NULL and (<PayloadDescriptor>packet.payload).is_key_frame
        cdef int mid_size = (self._mid_element[0] & 15) + 1
        cdef bint has_osn = is_rtx and self._uses_rtx(packet)
        if has_osn:
            info = describe_packet(packet, self.rtx_ssrc, self._rtx_sequence, timestamp, packet.size + 2)
            info["payloadType"] = self._rtx_payload_types[packet.payload_type]
            info["payloadSize"] += 2
        else:
            info = describe_packet(packet, self.ssrc, sequence_number, timestamp, packet.size)
        if packet.mid_at != 0 and self._mid_element[0] != 0:
            info["mid"] = self._mid_element[1 : 1 + mid_size].decode("utf-8", "replace")
        if packet.transport_wide_cc_at != 0 and self._has_transport_wide_cc:
            info["wideSequenceNumber"] = (self._transport.twcc_next - 1) & 0xFFFF
        self._transport.plane.events.append(PacketTraced(self, is_key_frame, is_rtx, info))

    # ------------------------------------------------------------ repair

    def retransmit(self, sequence_numbers, long long now_us):
        """Answers a NACK; returns how many packets were sent again (each at most once per RTT, RTX when negotiated)."""
        cdef TransportPlane transport = self._transport
        cdef const Packet *kept
        cdef long long rtt_us = <long long>(self.rtt_ms * 1000)
        cdef SendSideEstimator outgoing = transport.outgoing
        cdef unsigned short sequence_number
        cdef int count = 0, size, resent
        if outgoing is not None:  # knows sooner than the reports when a queue makes the way longer
            rtt_us = max(rtt_us, <long long>(outgoing.rtt_ms * 1000))
        if self._index is None or self.closed or not self.active or not transport.connected:
            return 0
        if not self.deliver and transport.endpoint is None or (transport.encrypted and self._session is None):
            return 0
        transport.plane.begin(now_us)
        self._is_repairing = True
        for sequence_number in sequence_numbers[:MAX_RESENT]:
            if outgoing is not None and not outgoing.may_retransmit(now_us):
                break
            if transport.rtx_sent.bitrate(now_us) > 2 * transport.rtp_sent.bitrate(now_us) + FREE_REPAIR_BPS:
                transport.allowance.repairs += 1
                transport.plane.count.repairs_limited += 1
                transport.tell_limited()
                break
            if not self._has_room(MAX_PACKET):
                break
            if self._index.take(sequence_number, now_us, rtt_us) != 1:
                continue
            if self._index.slot == FILLER:
                count += self._resend_filler(sequence_number)
                continue
            if self._index.slot >= len(self.stores):
                continue
            kept = (<PacketStore>self.stores[self._index.slot]).get(self._index.generation)
            if kept == NULL:
                continue
            size = self._resend(kept, sequence_number)
            if size == 0:
                continue
            count += 1
            self.packets_retransmitted += 1
            resent = kept.size + 2 if self._uses_rtx(kept) else kept.size
            self.bytes_retransmitted += resent
            self.packets_repaired += self._index.resent_count == 1
            transport.sent.update(size, now_us)
            transport.rtx_sent.update(resent, now_us)
            if outgoing is not None:
                outgoing.on_retransmitted(resent, now_us)
            if self.trace_rtp:
                self._trace(kept, sequence_number, kept.timestamp + self._index.timestamp_offset, True)
        transport.plane.batch.release()
        self._is_repairing = False
        transport.plane.settle()
        return count

    cdef bint _uses_rtx(self, const Packet *packet) noexcept:
        """Whether its repair goes with an SSRC of its own, and two bytes for the original sequence number."""
        return self.rtx_ssrc != 0 and self._rtx_payload_types[packet.payload_type] != 0

    cdef int _resend(self, const Packet *kept, unsigned short sequence_number) noexcept:
        """RFC 4588 section 4: the original header, the original sequence number, the original payload."""
        cdef unsigned char *slot = self._transport.plane.batch.reserve(
            None if self.deliver else self._transport.endpoint
        )
        cdef int head = kept.payload_offset, size = kept.size
        cdef bint is_rtx = self._uses_rtx(kept)
        cdef unsigned char *payload = slot + head + 2 if is_rtx else slot + head
        memcpy(slot, kept.data, head)
        memcpy(payload, kept.data + head, size - head)
        self._stamp(slot, kept, sequence_number, kept.timestamp + self._index.timestamp_offset)
        rewrite(slot, payload, size - head, self._index.rewrite)
        if not is_rtx:
            return self._send(slot, size)
        self._rtx_sequence += 1
        slot[1] = (slot[1] & 0x80) | self._rtx_payload_types[kept.payload_type]
        write_u16(slot + 2, self._rtx_sequence)
        write_u32(slot + 8, self.rtx_ssrc)
        write_u16(slot + head, sequence_number)
        self.rtx_packets += 1
        self.rtx_bytes += size + 2
        return self._send(slot, size + 2)

    cdef bint _resend_filler(self, unsigned short number) noexcept:
        """Answers for a number that was never a packet's: whoever asked need not ask again."""
        cdef TransportPlane transport = self._transport
        cdef unsigned char *slot = transport.plane.batch.reserve(None if self.deliver else transport.endpoint)
        cdef int size = FILLER_SIZE, payload_type = self._index.generation
        write_filler(slot, payload_type, number, self._index.timestamp_offset, self.ssrc)
        if self.rtx_ssrc != 0 and self._rtx_payload_types[payload_type] != 0:
            self._rtx_sequence += 1
            slot[0] = 0x80
            slot[1] = self._rtx_payload_types[payload_type]
            write_u16(slot + 2, self._rtx_sequence)
            write_u32(slot + 8, self.rtx_ssrc)
            write_u16(slot + 12, number)
            size = RTX_FILLER_SIZE
            self.rtx_packets += 1
            self.rtx_bytes += size
        self.packets_retransmitted += 1
        self.bytes_retransmitted += size
        self.packets_repaired += self._index.resent_count == 1
        transport.rtx_sent.update(size, transport.plane.now_us)
        size = self._send(slot, size)
        transport.sent.update(size, transport.plane.now_us)
        return size > 0

    # ------------------------------------------------------------ control

    @property
    def waiting_for_key_frame(self):
        """Nothing is forwarded until a key frame comes."""
        return bool(self._selector.waiting_for_key_frame)

    @property
    def selector(self):
        """What it was made with."""
        return self._selector

    def sync(self):
        """A clean restart: sequence numbers and timestamps go on without a gap, video begins at the next key frame."""
        self._selector.sync()

    def can_switch_to(self, int stream_index):
        """Whether the timestamps of a stream can be put in line with those of the stream that was forwarded first.

        That needs a sender report of both. A switch to another stream works too, but guesses from the time of arrival.
        """
        cdef int reference = self._selector.reference_stream
        if reference < 0 or reference == stream_index:
            return True
        if max(reference, stream_index) >= len(self.streams):
            return False
        stream = self.streams[stream_index]
        other = self.streams[reference]
        if stream is None or other is None:
            return False
        return stream.sender_report_ntp != 0 and other.sender_report_ntp != 0

    def bitrate(self, long long now_us):
        """Bit/s of the last 2.5 s, retransmissions left out."""
        return self._rate.bitrate(now_us)

    @property
    def timestamp_offset(self):
        """What is added to timestamps of ``forwarded_stream`` now, modulo 2^32."""
        return self._timestamps.offset()

    def timestamp_at(self, long long now_us):
        """The RTP timestamp that belongs to ``now_us``, as far as times of arrival tell."""
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
