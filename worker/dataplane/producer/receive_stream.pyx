# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What comes with one SSRC: counted, repaired, told apart from duplicates, described, and handed to the producer."""

from libc.stdint cimport uint64_t

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.rtp_mapping cimport FRAME_MARKING, RtpMapping
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.rtcp.compound_writer cimport BlockEntry
from miso.worker.rtcp.echo_clock cimport EchoClock
from miso.worker.rtcp.sender_clock cimport CaptureClock, SenderClock
from miso.worker.rtp.codecs.describe cimport describe
from miso.worker.rtp.codecs.h264 cimport parse_frame_marking
from miso.worker.rtp.codecs.h264_parameter_sets cimport H264ParameterSets
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport (
    DISCARDED,
    H264,
    INTER,
    INTRA,
    NACK_NEEDED,
    NACKED_PACKET,
    PPS,
    RECOVERY_POINT,
    RESTARTED,
    SPS,
    VALID,
    VP8,
)
from miso.worker.rtp.layer_rates cimport LayerRates
from miso.worker.rtp.nack cimport NackGenerator
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.receive_stats cimport ReceiveStats
from miso.worker.rtp.received_window cimport ReceivedWindow
from miso.worker.rtp.source_clock cimport SourceClock

from miso.worker.dataplane.events import KeyFrameNeeded, KeyFrameReceived, NackNeeded
from miso.worker.errors import InvalidStateError

cdef enum:
    OVERTAKEN = 128  # sequence numbers that a packet may be late by
    REPEATED = 8  # packets in a row that came before: of a numbering that leads over the old one, when nothing newer
    REPEATED_US = 500000  # came for so long
    REPORT_LASTS_US = 60000000  # then the media's clock may have run away from the wall clock
    ORIGINAL_SEQUENCE_NUMBER_SIZE = 2  # before an RTX packet's payload (RFC 4588 section 4)


cdef class ReceiveStream:
    """What is received with one SSRC: statistics of RFC 3550, loss repair, the retransmission buffer's packets.

    Made by ``ProducerPlane.add_stream``, which enters it where its packets are looked up.
    """

    def __init__(
        self,
        producer not None,
        ReceivingHalf receiving not None,
        RtpMapping mapping not None,
        int index,
        unsigned int ssrc,
        unsigned int mapped_ssrc,
        codec,
        int payload_type,
        unsigned int clock_rate,
        bint use_nack,
        bint use_pli,
        int spatial_layers,
        int temporal_layers,
    ):
        self.producer = producer
        self._receiving = receiving
        self._plane = receiving.plane
        self._mapping = mapping
        self.ssrc = ssrc
        self.mapped_ssrc = mapped_ssrc
        self.index = index
        self.codec = codec
        self._payload_type = payload_type
        self._clock_rate = clock_rate
        self._use_pli = use_pli
        self.stats = ReceiveStats(clock_rate)
        self.window = ReceivedWindow()
        self._clock = SourceClock(clock_rate, codec == H264)
        self.parameter_sets = H264ParameterSets() if codec == H264 else None
        self.rates = LayerRates(spatial_layers, temporal_layers)
        self._nack = NackGenerator() if use_nack else None
        self.last_report = EchoClock()
        self.last_rtx_report = EchoClock()

    cdef bint is_overtaken(self, RtpHeader header) noexcept:
        """Whether a packet is a little older than the newest: what it says of its stream may be so, too."""
        if header.ssrc != self.ssrc or self.window.is_empty:
            return False
        return ((self.window.newest - header.sequence_number) & 0xFFFF) < OVERTAKEN

    cdef PayloadDescriptor receive(self, RtpHeader header, unsigned char *data, int size, bint recovered):
        """Counts a packet; gives what it carries, or None when it says nothing new.

        Args:
            header: of the packet; becomes that of the original one.
            data: the packet, decrypted.
            size: its length in bytes.
            recovered: it came with the SSRC that repairs this stream.
        """
        cdef Plane plane = self._plane
        cdef PayloadDescriptor payload
        cdef int outcome
        cdef bint is_repair
        if recovered:
            if not self._decapsulate(header, data, size):
                return None
            outcome = self.stats.on_recovered(header.sequence_number)
        else:
            outcome = self.stats.on_packet(header.sequence_number, header.timestamp, size, plane.now_us)
        if outcome == DISCARDED:
            return None
        if outcome == VALID:
            if self.window.add(header.sequence_number):
                if not recovered:
                    self._repeated = 0
            else:
                self.packets_duplicate += 1
                if recovered or not self._leads_over_old_numbers(header):
                    return None
                self.stats.restart(header.sequence_number, header.timestamp, plane.now_us)
                outcome = RESTARTED
        if outcome == RESTARTED:
            self._begin_numbering_anew(header.sequence_number)
        payload = plane.next_payload()
        if header.payload_type == self._payload_type:
            self._describe(header, data, payload)
        else:
            payload.clear()
        self._follow_clock(header, payload.is_key_frame)
        self.rates.update(payload.spatial_layer, payload.temporal_layer, size, plane.now_us)
        if recovered:
            self.packets_retransmitted += 1
        if self._nack is not None:
            is_repair = self._watch_loss(header.sequence_number, payload.is_key_frame, recovered)
            if recovered and is_repair:
                self.packets_recovered += 1
                self.bytes_recovered += size - ORIGINAL_SEQUENCE_NUMBER_SIZE
        if payload.is_key_frame and self.codec >= VP8 and (payload.is_random_access or payload.units & SPS == 0):
            if not self._any_key_frame or self._timestamp != self._key_frame_timestamp:
                self._any_key_frame = True
                self._key_frame_timestamp = self._timestamp
                plane.events.append(KeyFrameReceived(self))
        return payload

    cdef void fill(self, Packet *packet, RtpHeader header) noexcept:
        """Says of the packet that was just received what consumers must know of its place in the stream."""
        packet.sequence_number = header.sequence_number
        packet.timestamp = self._timestamp
        packet.ssrc = self.mapped_ssrc
        packet.marker = header.marker
        packet.restarted = self._restarted
        self._restarted = False
        packet.late = header.sequence_number != self.window.newest
        packet.stream_index = self.index

    cdef bint _decapsulate(self, RtpHeader header, const unsigned char *data, int size) noexcept:
        """RFC 4588 section 4: the payload begins with the original sequence number. False: nothing is in it."""
        cdef Py_ssize_t at = header.payload_offset
        if header.payload_type != self._rtx_payload_type:
            return False
        if self.rtx_stats.on_packet(header.sequence_number, header.timestamp, size, self._plane.now_us) == DISCARDED:
            return False
        if header.payload_size < ORIGINAL_SEQUENCE_NUMBER_SIZE:  # padding that probes the way to us
            return False
        header.sequence_number = data[at] << 8 | data[at + 1]
        header.ssrc = self.ssrc
        header.payload_type = self._payload_type
        header.payload_offset += ORIGINAL_SEQUENCE_NUMBER_SIZE
        header.payload_size -= ORIGINAL_SEQUENCE_NUMBER_SIZE
        return True

    cdef void _describe(self, RtpHeader header, unsigned char *data, PayloadDescriptor payload) noexcept:
        """Reads what the payload and its frame marking say. Picture ids of 7 bits become the low ones of 15."""
        cdef int found
        describe(self.codec, data + header.payload_offset, header.payload_size, payload)
        if self.codec == H264 and self._mapping.received_ids[FRAME_MARKING] != 0:
            found = header.find_extension(self._mapping.received_ids[FRAME_MARKING])
            if found >= 0:
                parse_frame_marking(data, header.element_offsets[found], header.element_sizes[found], payload)
        if payload.units != 0:
            self._look_at_units(header, data, payload)
        if payload.picture_id_bits == 7:
            # the one nearest to the last: 64 pictures to either side
            payload.picture_id = (
                self._picture_id + ((payload.picture_id - self._picture_id + 64) & 0x7F) - 64
            ) & 0x7FFF
        self._picture_id = payload.picture_id

    cdef void _follow_clock(self, RtpHeader header, bint is_key_frame) noexcept:
        """Events of a tone have the timestamp of its beginning (RFC 4733), padding may have any: the codec's own count."""
        if header.payload_type == self._payload_type and header.payload_size > 0:
            self._timestamp = self._clock.follow(
                header.sequence_number,
                header.timestamp,
                header.sequence_number == self.window.newest,
                is_key_frame,
                self._plane.now_us,
            )
        else:
            self._timestamp = self._clock.place(header.sequence_number, header.timestamp)

    cdef void _look_at_units(self, RtpHeader header, const unsigned char *data, PayloadDescriptor payload) noexcept:
        """H264: keeps parameter sets, and finds pictures without IDR slices at which decoders begin all the same.

        These come with a sequence parameter set and are all intra, or recover from there on (a recovery point SEI).
        """
        cdef int units
        cdef bint is_gap_before = (
            self._nack is not None and self.stats.packets > 1 and not self.window.has(header.sequence_number - 1)
        )
        if header.timestamp != self._access_unit:
            self._access_unit = header.timestamp
            self._access_unit_units = 0
        self._access_unit_units |= payload.units
        units = self._access_unit_units
        if payload.units & (SPS | PPS):
            self.parameter_sets.take(data + header.payload_offset, <int>header.payload_size)
            if self.parameter_sets.complete:
                self.bare_pictures = 0
        if payload.units & (INTRA | INTER) and units & SPS and units & (INTRA | RECOVERY_POINT):
            payload.is_random_access = True
            payload.is_key_frame = True
        if payload.is_random_access and not self.parameter_sets.complete and not is_gap_before:
            self.bare_pictures += 1

    cdef bint _leads_over_old_numbers(self, RtpHeader header) noexcept:
        """Whether a packet whose number came before is no duplicate: its sender has begun its numbering anew near by.

        A duplicate has no timestamp newer than all others, and where it comes after others of its kind, by a longer way,
        newer packets come in between.
        """
        cdef unsigned int ahead = header.timestamp - self.stats.max_timestamp
        cdef bint follows = self._repeated > 0 and header.sequence_number == self._repeated_next
        cdef bint is_newer = header.payload_type == self._payload_type and 0 < ahead < 0x80000000
        self._repeated = self._repeated + 1 if follows else 1
        self._repeated_newer = (self._repeated_newer if follows else 0) + is_newer
        self._repeated_next = header.sequence_number + 1
        if self._repeated_newer < 2 and (
            self._repeated < REPEATED
            or self._plane.now_us - self.stats.max_timestamp_us < REPEATED_US
        ):
            return False
        self._repeated = 0
        return True

    cdef void _begin_numbering_anew(self, unsigned short sequence_number) noexcept:
        """What came of it before the packet in hand was taken for something else: maybe the first of a key frame."""
        self.window.clear()
        self.window.add(sequence_number)
        self._restarted = True
        if self._nack is not None:
            self._nack.reset()
        if self._use_pli:
            self._plane.events.append(KeyFrameNeeded(self))

    cdef bint _watch_loss(self, unsigned short sequence_number, bint is_key_frame, bint recovered) noexcept:
        """Whether the packet had been asked for."""
        cdef Plane plane = self._plane
        cdef int seen = self._nack.on_packet(sequence_number, is_key_frame, recovered, plane.now_us)
        if seen & NACKED_PACKET:
            self.packets_repaired += 1
            self.packets_retransmitted += not recovered
        if seen & NACK_NEEDED:
            plane.events.append(NackNeeded(self))
        self._report_key_frame_needed()
        return seen & NACKED_PACKET != 0

    cdef void _report_key_frame_needed(self) noexcept:
        if self._nack.key_frame_needed:
            self._nack.key_frame_needed = False
            if self._use_pli:
                self._plane.events.append(KeyFrameNeeded(self))

    # ------------------------------------------------------------ control

    def set_rtx(self, unsigned int ssrc, int payload_type):
        """The SSRC and payload type that repair this stream (RFC 4588). Raises ValueError for an SSRC in use."""
        cdef ReceiveStats stats = ReceiveStats(self._clock_rate)
        if self.closed:
            raise InvalidStateError("the stream is closed")
        self._receiving.add_stream(ssrc, self)
        self._leave_rtx()
        self.rtx_ssrc = ssrc
        self._rtx_payload_type = payload_type
        self.rtx_stats = stats

    def clear_rtx(self):
        """Nothing repairs this stream any more, until ``set_rtx``."""
        self._leave_rtx()
        self.rtx_ssrc = 0
        self.rtx_stats = None

    cdef void _leave_rtx(self) noexcept:
        """The table lets go of the pointer to this stream. 0 is an SSRC like any other: it does not say "none"."""
        if self.rtx_stats is not None:
            self._receiving.remove_stream(self.rtx_ssrc, self)

    def poll_nack(self, long long now_us):
        """Sequence numbers to ask for now; empty when none."""
        if self._nack is None:
            return []
        numbers = self._nack.poll(now_us)
        if numbers:
            self.nack_count += 1
            self.nack_packet_count += len(numbers)
        return numbers

    def take_key_frame_needed(self):
        """Whether ``poll_nack`` has given something up that only a key frame replaces; False from then on."""
        if self._nack is None or not self._nack.key_frame_needed:
            return False
        self._nack.key_frame_needed = False
        return bool(self._use_pli)

    def sender_report(self, unsigned long long ntp, unsigned int rtp_timestamp, long long now_us):
        """What the sender's report says: which RTP timestamp belongs to which NTP time (RFC 3550 section 6.4.1).

        It is kept on the line of the forwarded timestamps. False, and without effect, when no packet has come of its
        clock.
        """
        cdef long long line = self._clock.report(rtp_timestamp, now_us)
        if line < 0:
            return False
        self.sender_report_ntp = ntp
        self.sender_report_timestamp = <unsigned int>line
        self.sender_report_us = now_us
        self._reported_stops = self._clock.stops
        if self._capture_clock is not None:
            self._capture_clock.take()
        return True

    def set_sender_clock(self, SenderClock clock not None):
        """Whose wall clock the reports of the stream tell; it is told first of each report."""
        self._capture_clock = CaptureClock(clock)

    cdef bint captured_at(self, long long now_us, unsigned long long ntp, unsigned int *timestamp) noexcept:
        """The timestamp of what the sender captures now, on the line of the forwarded packets.

        False: its clock has not run on since its report, or it has told nothing of it lately.
        """
        cdef CaptureClock clock = self._capture_clock
        cdef uint64_t elapsed
        if self.sender_report_ntp == 0 or self._reported_stops != self._clock.stops:
            return False
        if now_us - self.sender_report_us > REPORT_LASTS_US or clock is None or not clock.holds():
            return False
        elapsed = <uint64_t>clock.elapsed(self.sender_report_ntp, ntp)  # of the product only bits 32 to 63 count
        timestamp[0] = self.sender_report_timestamp + <unsigned int>(elapsed * self._clock_rate >> 32)
        return True

    cdef int report_blocks(self, long long now_us, int worst_loss, BlockEntry *blocks) noexcept:
        """Ends the interval of the reports on it: writes its block and, once there are any, that of retransmissions.

        ``worst_loss`` is what ``ReceiveStats.end_interval`` takes. Gives how many blocks it wrote, 1 or 2.
        """
        fill_block(&blocks[0], self.ssrc, self.stats, worst_loss, self.last_report, now_us)
        if self.rtx_stats is None or self.rtx_stats.packets == 0:
            return 1
        fill_block(&blocks[1], self.rtx_ssrc, self.rtx_stats, 0, self.last_rtx_report, now_us)
        return 2

    def reset(self):
        """Forgets missing packets (after a pause)."""
        if self._nack is not None:
            self._nack.reset()

    def close(self):
        """Packets of its SSRCs are unknown from now on. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._receiving.remove_stream(self.ssrc, self)
        self._leave_rtx()
        self.producer.remove_stream(self)

    @property
    def rtt_ms(self):
        """Round-trip time to the sender: control sets it from SR/RR or XR, 0 while unknown."""
        return self._rtt_ms

    @rtt_ms.setter
    def rtt_ms(self, double value):
        self._rtt_ms = value
        if self._nack is not None:
            self._nack.rtt_us = <long long>(value * 1000)
        self._receiving.feedback.set_rtt(value)

    @property
    def missing(self):
        """How many packets are being asked for: while there are any, ``poll_nack`` wants to be called."""
        return 0 if self._nack is None else self._nack.missing


cdef void fill_block(
    BlockEntry *block, unsigned int ssrc, ReceiveStats stats, int worst_loss, EchoClock last_report, long long now_us
) noexcept:
    block.ssrc = ssrc
    block.fraction_lost = stats.end_interval(worst_loss)
    block.total_lost = stats.reported_total()
    block.highest_sequence = stats.max_sequence()
    block.jitter = stats.jitter()
    block.last_sr = last_report.compact_ntp
    block.delay_since_last_sr = last_report.delay_at(now_us)
