# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Where a receiver can begin: at a whole key frame, whatever order its packets came in, with what its decoder must know.

The first packet of a key frame may come after others of it, overtaken, or lost and sent again. What came before it is in
the stream's store, and follows. A picture of H264 begins before its first slice, with packets that may be parameter sets;
where a sender gave these earlier, or they are lost, the stream's own are sent in their place.
"""

from libc.string cimport memset

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.packet_store cimport PacketStore
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport PPS, SPS

cdef enum:
    MAX_BARE = 2  # pictures without parameter sets, before it is clear that the sender gives none: receivers have others


cdef class KeyFrameStart:
    """The judgement about one key frame; made once, used again."""

    def __cinit__(self):
        self.payload = PayloadDescriptor()

    cdef void clear(self) noexcept:
        """At the packet in hand, with nothing else."""
        self.first = 0
        self.last = 0
        self.without_sets = False

    cdef Verdict judge(self, ReceiveStream stream, PacketStore store, const Packet *packet, bint is_switch) noexcept:
        """Where to begin, after ``clear``, given a packet of a key frame that selection would begin with.

        Args:
            stream: whose packet it is.
            store: of the stream.
            packet: kept already, if it is kept at all, as are those that came with it.
            is_switch: the receiver sees another stream meanwhile: pictures may not go back for it.
        """
        if stream.parameter_sets is None and not packet.late:
            return BEGIN
        self._gather(stream, store, packet)
        if packet.late and (not self._is_whole(stream, packet) or (is_switch and self._is_past(store, packet))):
            return MISSED
        if stream.parameter_sets is None:
            return BEGIN
        return self._judge_access_unit(stream, store, packet)

    cdef bint take(self, PacketStore store, int distance, Packet *packet) noexcept:
        """The packet at a distance from the one in hand, which came before that, and its ``payload``; False for none."""
        cdef unsigned int number = self._numbers[MAX_BEHIND + distance]
        cdef const Packet *kept
        if not self._came(distance):
            return False
        kept = store.get(number)
        if kept == NULL:
            return False
        packet[0] = kept[0]
        store.describe(number, self.payload)
        packet.payload = <void *>self.payload
        return True

    cdef void _gather(self, ReceiveStream stream, PacketStore store, const Packet *packet) noexcept:
        """Finds what the store has of the packets around this one, since the sender began its numbering."""
        cdef unsigned int number
        cdef int distance, count
        cdef const Packet *kept
        memset(self._numbers, 0, sizeof(self._numbers))
        self._own = packet.stored
        if packet.stored == 0:
            return
        number = store.newest()
        for count in range(2 * MAX_AHEAD):
            kept = store.get(number)
            if kept == NULL:
                break
            distance = (kept.sequence_number - packet.sequence_number) & 0xFFFF
            if distance >= 0x8000:
                distance -= 0x10000
            if -MAX_BEHIND <= distance <= MAX_AHEAD and stream.window.has(kept.sequence_number):
                self._numbers[MAX_BEHIND + distance] = number
                if packet.late and number < self._own and distance > self.last:
                    self.last = distance
            number -= 1

    cdef bint _is_whole(self, ReceiveStream stream, const Packet *packet) noexcept:
        """Whether all that came before the packet, but belongs behind it, is there."""
        cdef int distance, ahead = (stream.window.newest - packet.sequence_number) & 0xFFFF
        if ahead > MAX_AHEAD:
            return False
        for distance in range(1, ahead + 1):
            if self._numbers[MAX_BEHIND + distance] == 0 and stream.window.has(packet.sequence_number + distance):
                return False
        return True

    cdef bint _is_past(self, PacketStore store, const Packet *packet) noexcept:
        """Whether a picture after the packet's came before it."""
        cdef const Packet *kept = store.get(self._numbers[MAX_BEHIND + self.last])
        return kept != NULL and kept.timestamp != packet.timestamp

    cdef Verdict _judge_access_unit(self, ReceiveStream stream, PacketStore store, const Packet *packet) noexcept:
        """H264: the packets of one timestamp, from the first on that is there to the first slice."""
        cdef PayloadDescriptor payload = <PayloadDescriptor>packet.payload
        cdef const Packet *kept
        cdef int distance, start = 0, sets = payload.units & (SPS | PPS)
        cdef bint is_start_known = payload.is_random_access
        for distance in range(-1, -MAX_BEHIND - 1, -1):
            kept = store.get(self._numbers[MAX_BEHIND + distance])
            if kept != NULL and kept.timestamp != packet.timestamp:
                break
            if kept == NULL:
                continue
            store.describe(self._numbers[MAX_BEHIND + distance], self.payload)
            if self._came(distance):
                self.first = distance
                sets |= self.payload.units & (SPS | PPS)
            elif self.payload.units & SPS:
                return WAIT  # it is of this batch, and will be judged
        if not is_start_known:
            for distance in range(1, self.last + 1):
                kept = store.get(self._numbers[MAX_BEHIND + distance])
                if kept == NULL or not self._came(distance):
                    continue
                if kept.timestamp != packet.timestamp:
                    break
                store.describe(self._numbers[MAX_BEHIND + distance], self.payload)
                sets |= self.payload.units & (SPS | PPS)
                if self.payload.is_random_access:
                    is_start_known = True
                    start = distance
                    break
        if not is_start_known and payload.units & SPS:
            return WAIT  # for the slice: parameter sets alone begin nothing
        if not is_start_known:  # the sender says so (frame marking)
            self.without_sets = stream.parameter_sets.complete
            return BEGIN
        if sets & SPS and (sets & PPS or self._is_hole(self.first, start)):
            return BEGIN
        if stream.parameter_sets.complete:
            self.without_sets = True
            return BEGIN
        if stream.bare_pictures >= MAX_BARE:
            return BEGIN
        # overtaken, or sent again, they will come with a packet that is judged, too
        return WAIT if stream.is_missing(packet.sequence_number + self.first - 1) else MISSED

    cdef bint _is_hole(self, int begin, int end) noexcept:
        """Whether a packet between two is not there yet: its number is left for it."""
        cdef int distance
        for distance in range(begin, end):
            if distance != 0 and not self._came(distance):
                return True
        return False

    cdef bint _came(self, int distance) noexcept:
        """Whether the packet at a distance came before the one in hand, and is kept."""
        return 0 < self._numbers[MAX_BEHIND + distance] <= self._own
