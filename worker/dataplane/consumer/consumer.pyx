# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A consumer in the data plane: what it forwards, from where on, by which numbers and timestamps."""

from cpython.list cimport PyList_GET_ITEM
from libc.string cimport memcpy

from miso.worker.dataplane.consumer.filler cimport FILLER_SIZE, write_filler
from miso.worker.dataplane.consumer.key_frame_start cimport BEGIN, MISSED, KeyFrameStart, Verdict
from miso.worker.dataplane.consumer.prefetch cimport (
    CONSUMER_LINES,
    ENDPOINT_LINES,
    ESTIMATOR_LINES,
    GHASH_LINES,
    INDEX_LINES,
    KEYS_LINES,
    LINE,
    PROTECTION_LINES,
    RATE_LINES,
    SELECTOR_LINES,
    SENT_LINES,
    SEQUENCE_LINES,
    STREAM_LINES,
    TIMESTAMPS_LINES,
    TRANSPORT_LINES,
    prefetch,
    prefetch_lines,
    prefetch_row,
)
from miso.worker.dataplane.consumer.receiver_feedback cimport ReceiverFeedback
from miso.worker.dataplane.consumer.rewriting cimport rewrite
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.packet_store cimport PacketStore
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.random_numbers cimport random_u32
from miso.worker.dataplane.transport.probation cimport PROBATION_SSRC
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtp.codecs.h264_parameter_sets cimport MAX_SET_SIZE, H264ParameterSets
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport (
    ANY_STREAM,
    DROP,
    FORWARD_AFTER_SYNC,
    IGNORE,
    KEY_FRAME_MISSED,
    LAYERS_CHANGED,
    VP8,
)
from miso.worker.rtp.layer_selectors cimport LayerSelector
from miso.worker.rtp.rate cimport RateCalculator
from miso.worker.rtp.retransmission cimport RetransmissionIndex
from miso.worker.rtp.sequence cimport SequenceMapper
from miso.worker.rtp.timestamps cimport TimestampMapper, clock_offset
from miso.worker.srtp.outgoing cimport REFUSED

from miso.worker.dataplane.events import KeyFrameNeeded, LayersSwitched
from miso.worker.errors import InvalidStateError

cdef enum:
    MAX_HEADER = 512  # bytes, of an RTP header in canonical form
    FAR_BEHIND = 0x4000  # sequence numbers: no search for where to begin finds it among packets that came
    MID_ROOM = 8  # bytes that every packet reserves for the MID

NO_STREAMS = []  # of whom no producer feeds; stays empty

# Where the consumer in hand begins; made once, used again.
cdef KeyFrameStart START = KeyFrameStart()


cdef void fetch_ahead(list consumers, Py_ssize_t index) noexcept:
    """Fetches into the cache what ``forward`` will touch of the consumers behind this one, while others' packets are written.

    Among a hundred consumers each finds its memory cold. What is further away is reached through pointers in what was
    fetched before, so each has its distance. An ``index`` below 0 is before the first. No reference is counted to what
    may be cold: that would wait for it.
    """
    cdef Py_ssize_t count = len(consumers)
    if 0 <= index + FETCH_CONSUMER < count:
        prefetch_lines(<void *>PyList_GET_ITEM(consumers, index + FETCH_CONSUMER), STREAM_LINES)
        prefetch_lines(
            &(<ConsumerPlane>PyList_GET_ITEM(consumers, index + FETCH_CONSUMER)).last_packet_us, CONSUMER_LINES
        )
    if 0 <= index + FETCH_ITS_PARTS < count:
        (<ConsumerPlane>PyList_GET_ITEM(consumers, index + FETCH_ITS_PARTS))._fetch_its_parts()
    if 0 <= index + FETCH_THEIR_PARTS < count:
        (<ConsumerPlane>PyList_GET_ITEM(consumers, index + FETCH_THEIR_PARTS))._fetch_their_parts()
    if 0 <= index + FETCH_LAST_PARTS < count:
        (<ConsumerPlane>PyList_GET_ITEM(consumers, index + FETCH_LAST_PARTS))._fetch_last_parts()
    if 0 <= index + FETCH_SENT_PACKET < count:
        (<ConsumerPlane>PyList_GET_ITEM(consumers, index + FETCH_SENT_PACKET))._fetch_sent_packet()


cdef class ConsumerPlane(SendStream):
    """A consumer in the data plane."""

    def __init__(
        self,
        SendingHalf transport not None,
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
        self._plane = transport.plane
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.keep_for_retransmission = keep_for_retransmission
        self.needs_store = keep_for_retransmission or codec >= VP8
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
        self.stores = self.streams = NO_STREAMS
        if transport.encrypted and (ssrc == PROBATION_SSRC or rtx_ssrc == PROBATION_SSRC):
            raise InvalidStateError(f"SSRC {PROBATION_SSRC} is that of the transport's own probation packets")
        transport.attach(self, ssrc, rtx_ssrc)
        self._number_from(transport.number_before(ssrc), transport.number_before(rtx_ssrc))
        self.rekey()
        self.feedback = ReceiverFeedback(self)
        self.feedback.open()

    cdef int _number_from(self, int number, int rtx_number) except -1:
        """Begins after what an earlier stream with these SSRCs sent under the same key; -1: there was none."""
        if number >= 0:
            self._sequence.max_output = number
        self._rtx_sequence = rtx_number if rtx_number >= 0 else random_u32() >> 17
        return 0

    # ------------------------------------------------------------ forwarding

    cdef void _fetch_its_parts(self) noexcept:
        prefetch_lines(<void *>self._transport, TRANSPORT_LINES)
        prefetch_lines(<void *>self._rate, RATE_LINES)
        prefetch_lines(<void *>self._selector, SELECTOR_LINES)
        prefetch_lines(<void *>self._sequence, SEQUENCE_LINES)
        prefetch_lines(<void *>self._timestamps, TIMESTAMPS_LINES)
        prefetch_lines(<void *>self._index, INDEX_LINES)
        prefetch_lines(<void *>self._protection, PROTECTION_LINES)

    cdef void _fetch_their_parts(self) noexcept:
        prefetch_lines(<void *>self._transport.rtp_sent, RATE_LINES)
        prefetch_lines(<void *>self._transport.sent, RATE_LINES)
        prefetch_lines(<void *>self._transport.outgoing, ESTIMATOR_LINES)
        prefetch_lines(<void *>self._transport.endpoint, ENDPOINT_LINES)
        if self._protection is not None:
            prefetch_lines(<void *>self._protection.keys, KEYS_LINES)
            prefetch(&self._protection._sent[0].seen[(self._protection._sent[0].highest & 1023) >> 6])
        if self._index is not None and self._index._capacity > 0:
            prefetch_row(&self._index._rows[0], self._index._capacity, self.last_sequence + 1)

    cdef void _fetch_last_parts(self) noexcept:
        if self._transport.outgoing is not None:
            prefetch_lines(<void *>self._transport.outgoing._sent, SENT_LINES)
            prefetch_lines(<void *>self._transport.outgoing._sending, RATE_LINES)
            prefetch(&self._transport.outgoing._probe_sender.cluster)
        if self._protection is not None and self._protection.keys != NULL and self._protection.keys.is_gcm:
            prefetch_lines(<char *>self._protection.keys + KEYS_LINES * LINE, GHASH_LINES)

    cdef void _fetch_sent_packet(self) noexcept:
        if self._transport.outgoing is not None:
            prefetch(
                &self._transport.outgoing._sent._packets[
                    (self._transport.outgoing._sent.newest + 1) & self._transport.outgoing._sent._mask
                ]
            )

    cdef void forward(self, const Packet *packets, int count) noexcept:
        """The packets of the receive batch that its producer has for it."""
        cdef SendingHalf transport = self._transport
        cdef Plane plane
        cdef int index, total_sent = 0
        if not self.active or self.closed or not transport.connected:
            return
        if not self.deliver:
            if transport.endpoint is None or transport.endpoint.closed:
                return
            if transport.encrypted and self._protection is None:
                return
        plane = self._plane
        plane.forwarded += count
        plane.batch.make_room(count)
        self._emitted = 0
        for index in range(count):
            total_sent += self._forward_one(&packets[index])
        if self._emitted > 0:
            self.last_packet_us = plane.now_us
            self._rate.update(self._emitted, plane.now_us)
            transport.rtp_sent.update(self._emitted, plane.now_us)
            transport.sent.update(total_sent, plane.now_us)

    cdef int _forward_one(self, const Packet *packet) noexcept:
        """Bytes sent, 0 when the packet is not for this consumer or dropped."""
        cdef int decision
        if packet.restarted and self._is_numbered(packet):
            self._selector.restart(packet.timestamp)
            self._repaired_from_until_us = 0
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
        cdef bint gave_up = self._selector.gave_up
        START.clear()
        if self._selector.waiting_for_key_frame:
            verdict = START.judge(
                self.streams[packet.stream_index], store, packet, self._selector.current_spatial >= 0
            )
            if verdict == BEGIN and START.first < 0:
                START.take(store, START.first, &other)
            elif verdict == MISSED:
                self._selector.notice |= KEY_FRAME_MISSED
        if verdict != BEGIN or not self._begin(&other):
            self._tell(packet.stream_index)
            return 0
        if gave_up:
            self._repair_from(other.timestamp + self._timestamps.offset())
        if START.without_sets:
            sent = self._send_parameter_sets(self.streams[packet.stream_index], store, &other)
            START.take(store, START.first, &other)  # which may have moved
        sent += self._pass_on(&other)
        for distance in range(START.first + 1, START.last + 1):
            if distance == 0:
                other = packet[0]
            elif not START.take(store, distance, &other):
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
        cdef H264ParameterSets known = stream.parameter_sets
        cdef Packet packet = first[0]
        cdef unsigned short number = self._sequence.max_output
        cdef int at, sent = 0
        memcpy(room, first.data, first.payload_offset)
        room[1] &= 0x7F  # the picture does not end with it
        packet.data = room
        packet.marker = False
        packet.payload = NULL
        packet.sequence_number -= FAR_BEHIND
        for at in range(known.count):
            memcpy(room + packet.payload_offset, known.sets[at].data, known.sets[at].size)
            packet.size = packet.payload_offset + known.sets[at].size
            packet.stored = store.put(&packet, self._plane.now_us)
            number += 1
            sent += self._emit(&packet, number, 0)
        self._sequence.max_output = number
        self._sequence.sync(first.sequence_number)
        return sent

    cdef void _leave_out(self, const Packet *packet) noexcept:
        """The numbers close up; one that later packets have passed already is filled with a packet of padding only."""
        cdef SendingHalf transport = self._transport
        cdef Plane plane = self._plane
        cdef unsigned char *slot
        cdef unsigned int timestamp
        cdef int number = self._sequence.drop(packet.sequence_number), sent
        if number < 0:
            return
        timestamp = packet.timestamp + self._timestamps.offset()
        if not self._has_room(FILLER_SIZE):
            self._keep_filler(number, timestamp, False)
            return
        slot = plane.batch.reserve(None if self.deliver else transport.endpoint)
        write_filler(slot, self._payload_type, number, timestamp, self.ssrc)
        sent = self._send(slot, FILLER_SIZE, False)
        if sent == REFUSED:
            return
        self._keep_filler(number, timestamp, True)
        self.packets += 1
        self.bytes += FILLER_SIZE
        self._rate.update(FILLER_SIZE, plane.now_us)
        transport.rtp_sent.update(FILLER_SIZE, plane.now_us)
        transport.sent.update(sent, plane.now_us)

    cdef int _pass_on(self, const Packet *packet) noexcept:
        """Renumbers and sends a packet that was selected; bytes sent."""
        cdef int mapped = self._sequence.map(packet.sequence_number)
        return self._emit(packet, mapped, self._selector.rewrite) if mapped >= 0 else 0

    cdef int _emit(self, const Packet *packet, unsigned short mapped, unsigned int word) noexcept:
        """Stamps, rewrites (``LayerSelector.rewrite``), remembers and sends a packet; bytes sent."""
        cdef Plane plane = self._plane
        cdef unsigned char *slot
        cdef unsigned int timestamp
        cdef int sent
        timestamp = self._timestamps.map(packet.timestamp, plane.now_us)
        self._payload_type = packet.payload_type
        self.forwarded_stream = packet.stream_index
        if not self._has_room(packet.size):  # the receiver misses the number, and may ask for it
            self.last_sequence = mapped
            self._remember(packet, mapped, word, False)
            return 0
        slot = plane.batch.reserve(None if self.deliver else self._transport.endpoint)
        memcpy(slot, packet.data, packet.size)
        self._stamp(slot, packet, mapped, timestamp, False)
        if word != 0:
            rewrite(slot, slot + packet.payload_offset, packet.size - packet.payload_offset, word)
        self.packets += 1
        self.bytes += packet.size
        self._emitted += packet.size
        self.last_sequence = mapped
        if mapped == self._sequence.max_output:
            self._is_picture_complete = slot[1] >> 7 == 1
        self.last_timestamp = timestamp
        if self.trace_rtp or (
            self.trace_keyframe and packet.payload != NULL and (<PayloadDescriptor>packet.payload).is_key_frame
        ):
            self._trace(packet, mapped, timestamp, False)
        sent = self._send(slot, packet.size, False)
        if sent != REFUSED:
            self._remember(packet, mapped, word, True)
        return sent

    cdef bint _is_numbered(self, const Packet *packet) noexcept:
        return self._selector.numbered_stream == ANY_STREAM or self._selector.numbered_stream == packet.stream_index

    cdef bint _begin(self, const Packet *packet) noexcept:
        """The numbers go on with this packet of another stream, or after a pause. False: this key frame is left out."""
        cdef int reference = self._selector.reference_stream
        if reference < 0:
            self._timestamps.resume(packet.timestamp, self._plane.now_us)
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
            self._keep_filler(self._sequence.max_output, self.last_timestamp, False)
        self._sequence.sync(packet.sequence_number)
        self._selector.begin(packet.stream_index, <PayloadDescriptor>packet.payload, packet.timestamp)
        return True

    cdef bint _align(self, const Packet *packet, int reference) noexcept:
        """Puts the timestamps of a stream in line with those of the reference stream (RFC 3550 section 6.4.1)."""
        cdef object stream, other
        if not self.can_switch_to(packet.stream_index):
            self._timestamps.sync(packet.timestamp, self._plane.now_us)
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
            self._plane.events.append(
                LayersSwitched(self, selector.current_spatial, selector.current_temporal)
            )
        if selector.notice & KEY_FRAME_MISSED and stream_index < len(self.streams):
            self._plane.events.append(KeyFrameNeeded(self.streams[stream_index]))
        selector.notice = 0

    cdef void repair(self, const unsigned short *numbers, int wanted) noexcept:
        """As ``SendStream.repair``, but for what was given up."""
        if not self._selector.gave_up:
            SendStream.repair(self, numbers, wanted)

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

    @property
    def timestamp_offset(self):
        """What is added to timestamps of ``forwarded_stream`` now, modulo 2^32."""
        return self._timestamps.offset()

    def timestamp_at(self, long long now_us):
        """The RTP timestamp that belongs to ``now_us``, as far as times of arrival tell."""
        return self._timestamps.at(now_us)

    def close(self):
        """Leaves its producer and its transport. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.active = False
        if self.source is not None:
            self.source.remove_consumer(self)
        self.feedback.close()
        self._transport.detach(self, self.ssrc, self.rtx_ssrc, self._protection)
        self._protection = None
