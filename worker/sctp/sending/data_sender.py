# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
r"""The sending half of an association: fragments out, SACKs in, retransmission, giving up (RFC 9260 section 6, 3758).

It decides; ``Outstanding`` has the chunks and the sums. A SACK costs one walk over what is outstanding, 4096 chunks at
most, whatever its gap blocks say: blocks that overlap or go back are cut, and so is what was never sent.

::

    SACK (RFC 9260 section 3.3.4)
    |                      Cumulative TSN Ack                       |
    |          Advertised Receiver Window Credit (a_rwnd)           |
    | Number of Gap Ack Blocks = N  |  Number of Duplicate TSNs = M |
    |    Gap Ack Block #1 Start     |     Gap Ack Block #1 End      |
    \                                                               \
"""

from __future__ import annotations

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.sending.congestion import CongestionControl
from miso.worker.sctp.sending.forward_tsn import forward_tsn_chunk
from miso.worker.sctp.sending.outstanding import Outstanding
from miso.worker.sctp.sending.retransmission_timeout import RetransmissionTimeout
from miso.worker.sctp.sending.round_trip_sample import RoundTripSample
from miso.worker.sctp.sending.send_queue import Message, SendQueue
from miso.worker.sctp.sending.sent_chunk import SentChunk
from miso.worker.sctp.sending.tail_loss_probe import TailLossProbe
from miso.worker.sctp.wire.fields import has_reached32, padded, u16, u32

_SACK_SIZE = 12  # of a SACK's value without blocks and duplicates
_MIN_FRAGMENT = 512  # a message is cut for the rest of a packet when that is as large
_MAX_WHOLE = enums.ROOM - enums.DATA_HEADER_SIZE  # and the message is larger than what fits into a packet of its own


class DataSender:
    """What we send, until it is acknowledged or given up.

    Attributes:
        peer_is_full: its last SACK offered no room.
        forward_due: a FORWARD-TSN is to be sent.
        retransmit_now: a loss was found; the next packet of lost chunks is sent whatever the window.
    """

    def __init__(
        self,
        queue: SendQueue,
        rto: RetransmissionTimeout,
        initial_tsn: int,
        peer_window: int,
        interleaving: bool,
    ) -> None:
        self.peer_is_full = False
        self.forward_due = False
        self.retransmit_now = False
        self._queue = queue
        self._rto = rto
        self._outstanding = Outstanding(initial_tsn)
        self._congestion = CongestionControl(peer_window)
        self._sample = RoundTripSample()
        self._probe = TailLossProbe()
        self._interleaving = interleaving
        self._header_size = enums.I_DATA_HEADER_SIZE if interleaving else enums.DATA_HEADER_SIZE
        self._peer_window = peer_window  # what the peer says it can take, less what is in flight
        self._burst_end = 0  # bytes in flight at which the burst ends
        self._burst_is_first = False  # nothing was in flight when it began

    def buffered_amount(self) -> int:
        """Bytes of messages not acknowledged and not given up."""
        return self._queue.size + self._outstanding.size

    def last_assigned_tsn(self) -> int:
        """0 to 2^32-1."""
        return (self._outstanding.next_tsn - 1) & 0xFFFFFFFF

    def is_acknowledged(self, tsn: int) -> bool:
        """Whether a 32-bit TSN is acknowledged cumulatively."""
        return has_reached32(self._outstanding.cumulative & 0xFFFFFFFF, tsn)

    def is_outstanding(self) -> bool:
        """Whether chunks wait for being acknowledged or skipped, so that T3-rtx runs."""
        return self._outstanding.count() > 0

    def is_idle(self) -> bool:
        """Whether nothing is queued and nothing outstanding."""
        return self._queue.count == 0 and self._outstanding.count() == 0

    # ------------------------------------------------------------------ what the peer says

    def on_sack(self, packet: bytes, offset: int, end: int, now_us: int) -> int:
        """Takes the value of a SACK. Gives the bits ``ADVANCED`` and ``ACKNOWLEDGED``.

        Raises:
            ParseError: the value is shorter than what it says it has.
        """
        if end - offset < _SACK_SIZE:
            raise ParseError(f"SCTP SACK is too short: have {end - offset} bytes, need {_SACK_SIZE}")
        gaps = u16(packet, offset + 8)
        duplicates = u16(packet, offset + 10)
        needed = _SACK_SIZE + 4 * (gaps + duplicates)
        if end - offset < needed:
            raise ParseError(f"SCTP SACK is too short: have {end - offset} bytes, need {needed}")
        done = self._on_cumulative(u32(packet, offset), now_us)
        if done == enums.NOT_TAKEN:
            return enums.NOTHING
        has_advanced = done & enums.ADVANCED != 0
        if gaps or self._outstanding.gap_acked:
            done |= self._on_gaps(packet, offset + _SACK_SIZE, gaps, has_advanced, now_us)
        if self._probe.end and has_advanced:
            self._on_probe_answered(duplicates != 0, now_us)
        window = u32(packet, offset + 4)
        flight = self._outstanding.flight
        self.peer_is_full = window == 0
        self._peer_window = window - flight if window > flight else 0
        self._advance()
        return done

    def on_shutdown(self, tsn: int, now_us: int) -> int:
        """Takes the cumulative TSN of a SHUTDOWN; gives what ``on_sack`` gives."""
        done = self._on_cumulative(tsn, now_us)
        self._advance()
        return enums.NOTHING if done == enums.NOT_TAKEN else done

    def _on_cumulative(self, wire_tsn: int, now_us: int) -> int:
        """Forgets what is acknowledged; ``NOT_TAKEN`` for a SACK that is old or acknowledges what was never sent."""
        outstanding = self._outstanding
        step = (wire_tsn - outstanding.cumulative) & 0xFFFFFFFF
        if step > outstanding.count():
            return enums.NOT_TAKEN
        if step == 0:
            return enums.NOTHING
        flight_before = outstanding.flight
        acked = 0
        for _position in range(step):
            chunk = outstanding.acknowledge_first()
            if chunk.state == enums.IN_FLIGHT:
                acked += chunk.wire_size
                self._take_sample(chunk, now_us)
            elif chunk.state == enums.LOST:
                acked += chunk.wire_size
            self._queue.on_gone(chunk.message.stream_id)
        self._probe.count = 0
        self._sample.stop_before(outstanding.cumulative)
        self._congestion.on_acknowledged(acked, flight_before, outstanding.cumulative)
        if outstanding.count() == 0:
            self._congestion.on_all_acknowledged()
        return enums.ADVANCED | enums.ACKNOWLEDGED if acked else enums.ADVANCED

    def _on_gaps(self, packet: bytes, offset: int, gaps: int, has_advanced: bool, now_us: int) -> int:
        """Takes the gap blocks, whose numbers count from the cumulative TSN; those of a wrong order are cut."""
        outstanding = self._outstanding
        count = outstanding.count()
        position = 0  # of the first chunk behind the blocks before
        newly = -1  # the last chunk that was acknowledged for the first time
        acked_last = -1  # the last one that was acknowledged at all
        for _block in range(gaps):
            first = u16(packet, offset) - 1
            last = u16(packet, offset + 2) - 1
            offset += 4
            if first < position:
                first = position
            if last >= count:
                last = count - 1
            if first > last:
                continue
            self._take_back(position, first)
            for index in range(first, last + 1):
                chunk = outstanding.chunk(index)
                if chunk.state == enums.IN_FLIGHT or chunk.state == enums.LOST:
                    if chunk.state == enums.IN_FLIGHT:
                        self._take_sample(chunk, now_us)
                    outstanding.gap_ack(chunk)
                    newly = index
                acked_last = index
            position = last + 1
        self._take_back(position, count)
        if self._congestion.in_fast_recovery and has_advanced:
            self._count_missing(acked_last)
        elif newly >= 0:
            self._count_missing(newly)
        return enums.ACKNOWLEDGED if newly >= 0 else enums.NOTHING

    def _take_back(self, first: int, end: int) -> None:
        """What a gap block acknowledged before and none does now is in flight again (RFC 9260 section 6.2.1)."""
        outstanding = self._outstanding
        if outstanding.gap_acked == 0:
            return
        for index in range(first, end):
            chunk = outstanding.chunk(index)
            if chunk.state == enums.GAP_ACKED:
                outstanding.take_back(chunk)

    def _count_missing(self, highest: int) -> None:
        """Chunks before a newly acknowledged one were reported missing; the third time they are lost.

        Section 7.2.4.
        """
        if highest < 0:
            return
        outstanding = self._outstanding
        highest_tsn = outstanding.cumulative + 1 + highest
        found = False
        for index in range(highest):
            chunk = outstanding.chunk(index)
            if chunk.state != enums.IN_FLIGHT or highest_tsn < chunk.counts_from:
                continue
            chunk.missing += 1
            if chunk.missing >= enums.MISSING_REPORTS:
                found = True
                self._lose(chunk)
        if found and not self._congestion.in_fast_recovery:
            self._congestion.on_fast_retransmit(outstanding.next_tsn - 1)
            self.retransmit_now = True

    def _take_sample(self, chunk: SentChunk, now_us: int) -> None:
        round_trip_us = self._sample.take(chunk, now_us)
        if round_trip_us >= 0:
            self._rto.on_round_trip(round_trip_us)

    # ------------------------------------------------------------------ what is not answered

    def probe_delay_us(self) -> int:
        """How long to wait for an answer before the next probe, twice as long for each one before.

        0 when none may be sent before the retransmission timeout any more.
        """
        delay_us = self._rto.probe_us
        if self._probe.count >= enums.MAX_PROBES or delay_us >= self._rto.timeout_us:
            return 0
        return delay_us << self._probe.count

    def probe(self, room: int, now_us: int) -> list[bytes]:
        """What was not acknowledged for a round trip and fits into ``room`` bytes, once more."""
        round_trip_us = self._rto.srtt_us
        self._probe.begin(now_us, round_trip_us)
        outstanding = self._outstanding
        parts: list[bytes] = []
        for index in range(outstanding.count()):
            chunk = outstanding.chunk(index)
            if chunk.state != enums.IN_FLIGHT or now_us - chunk.sent_us < round_trip_us:
                continue
            if not chunk.may_leave_again(now_us):
                continue
            size = padded(chunk.wire_size)
            if size > room:
                break
            room -= size
            outstanding.repeat(chunk, now_us)
            self._sample.forget(chunk)
            self._probe.end = outstanding.next_tsn
            chunk.flags |= enums.FLAG_IMMEDIATE
            parts.append(chunk.encode(self._interleaving))
        return parts

    def _on_probe_answered(self, was_repeated: bool, now_us: int) -> None:
        """The cumulative TSN moved.

        When that is the probe's doing, what was sent well before it and is still missing is lost; and so was what it
        repeated, unless the peer reports a repetition (RFC 8985 sections 6.2 and 7.4).
        """
        end = self._probe.end
        self._probe.end = 0
        if not self._probe.is_answered(was_repeated, now_us):
            return
        outstanding = self._outstanding
        for index in range(outstanding.count()):
            chunk = outstanding.chunk(index)
            if chunk.tsn >= end:
                break
            if chunk.state == enums.IN_FLIGHT and self._probe.is_overtaken(chunk.sent_us):
                self._lose(chunk)
                self.retransmit_now = True
        if self.retransmit_now or not was_repeated:
            self._congestion.on_fast_retransmit(outstanding.next_tsn - 1)

    def on_timeout(self, now_us: int) -> None:
        """T3-rtx expired: all that is in flight is lost (section 6.3.3)."""
        self._probe.end = 0
        self._congestion.on_timeout()
        self._sample.stop()
        outstanding = self._outstanding
        for index in range(outstanding.count()):
            chunk = outstanding.chunk(index)
            if chunk.state == enums.IN_FLIGHT:
                self._lose(chunk)
        self.retransmit_now = True
        for index in range(outstanding.count()):
            chunk = outstanding.chunk(index)
            if chunk.state == enums.LOST and chunk.message.has_expired(now_us):
                self._abandon(chunk.message)
        self.forward_due = outstanding.advance()

    # ------------------------------------------------------------------ giving up

    def _lose(self, chunk: SentChunk) -> None:
        self._sample.forget(chunk)
        self._outstanding.lose(chunk)
        if chunk.message.is_used_up(chunk.transmits):
            self._abandon(chunk.message)

    def _abandon(self, message: Message) -> None:
        if message.abandoned:
            return
        message.abandoned = True
        outstanding = self._outstanding
        if self._queue.drop(message):
            outstanding.add_abandoned(
                SentChunk(outstanding.next_tsn, message, message.offset, 0, self._header_size, 0, message.fragment, 0)
            )
        for index in range(outstanding.index_of(message.first_tsn), outstanding.index_of(message.last_tsn + 1)):
            chunk = outstanding.chunk(index)
            if chunk.message is message:
                outstanding.abandon(chunk)
        self._advance()

    def _advance(self) -> None:
        if self._outstanding.advance():
            self.forward_due = True

    def forward_chunk(self, room: int) -> bytes:
        """A FORWARD-TSN, or I-FORWARD-TSN, of at most ``room`` bytes."""
        self.forward_due = False
        return forward_tsn_chunk(self._outstanding, self._interleaving, room)

    # ------------------------------------------------------------------ what is sent

    def begin_burst(self, idle_us: int) -> None:
        """One event sets four packets free at most (RFC 9260 section 6.1 D).

        When no data was sent for longer than the retransmission timeout, the window is smaller (section 7.2.1).
        """
        flight = self._outstanding.flight
        if flight == 0 and self._queue.count and idle_us > self._rto.timeout_us:
            self._congestion.on_idle()
        self._burst_end = flight + enums.BURST
        self._burst_is_first = flight == 0
        self._queue.is_cut = False  # lost chunks come first: as long as there are any, the queue is not looked at

    def fill(self, room: int, is_whole: bool, now_us: int) -> list[bytes]:
        """Chunks for one packet.

        Args:
            room: bytes for them.
            is_whole: nothing else stands in the packet, so a fragment can not get more room than this.
            now_us: the time.

        Returns:
            Padded DATA or I-DATA chunks; none when nothing may be sent now.
        """
        parts: list[bytes] = []
        if self._outstanding.lost:
            room = self._fill_lost(parts, room, now_us)
        if not self._outstanding.lost:
            self._fill_new(parts, room, is_whole, now_us)
        return parts

    def _fill_lost(self, parts: list[bytes], room: int, now_us: int) -> int:
        """Sends lost chunks again, the first packet after a loss was found whatever the window (section 7.2.4, 3).

        Gives the room that is left.
        """
        outstanding = self._outstanding
        while outstanding.lost:
            chunk = outstanding.chunk(outstanding.first_lost())
            if chunk.message.has_expired(now_us):
                self._abandon(chunk.message)
                continue
            if chunk.wire_size > room:
                break
            is_full = outstanding.flight + chunk.wire_size > self._congestion.window or self._burst_has_ended()
            if outstanding.flight and is_full and not self.retransmit_now:
                break
            outstanding.send_again(chunk, now_us)
            if outstanding.lost == 0 and not self._queue.has_messages():
                chunk.flags |= enums.FLAG_IMMEDIATE
            parts.append(chunk.encode(self._interleaving))
            room -= padded(chunk.wire_size)
        self.retransmit_now = False
        return room

    def _fill_new(self, parts: list[bytes], room: int, is_whole: bool, now_us: int) -> None:
        """Sends fragments of waiting messages."""
        outstanding = self._outstanding
        while self._queue.has_messages() and outstanding.count() < enums.MAX_OUTSTANDING:
            if outstanding.flight and (outstanding.flight >= self._congestion.window or self._burst_has_ended()):
                break
            message = self._queue.head(now_us)
            if message is None:
                break
            if message.offset and message.has_expired(now_us):
                self._abandon(message)
                continue
            size = len(message.data) - message.offset
            space = (room - self._header_size) & ~3
            if size > space:
                if parts or not (is_whole or (space >= _MIN_FRAGMENT and size > _MAX_WHOLE)):
                    break
                size = space
            if outstanding.flight and size + self._header_size > self._peer_window:
                break
            parts.append(self._send_new(message, size, now_us))
            room -= padded(self._header_size + size)

    def _send_new(self, message: Message, size: int, now_us: int) -> bytes:
        tsn = self._outstanding.next_tsn
        start = message.offset
        fragment = message.fragment
        flags = self._queue.take(message, size, tsn)
        is_awaited = start != 0 or self._burst_is_first or not self._sample.is_running()
        if is_awaited and flags & enums.FLAG_END and not self._queue.has_messages():
            flags |= enums.FLAG_IMMEDIATE  # nothing follows soon that would make the peer acknowledge it (RFC 7053)
        chunk = SentChunk(tsn, message, start, size, self._header_size, flags, fragment, now_us)
        self._outstanding.send(chunk)
        self._sample.start(tsn, now_us)
        window = self._peer_window - chunk.wire_size
        self._peer_window = window if window > 0 else 0
        return chunk.encode(self._interleaving)

    def _burst_has_ended(self) -> bool:
        return self._outstanding.flight >= self._burst_end
