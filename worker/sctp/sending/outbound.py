# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
r"""The sending half of an association: fragments out, SACKs in, retransmission, giving up (RFC 9260 section 6, 3758).

Chunks that are not acknowledged cumulatively stand in a list in the order of their TSNs, which follow each other; the
chunk with the n-th TSN after the cumulative one is the n-th of the list. So a SACK costs one walk over what is
outstanding, 4096 chunks at most, whatever its gap blocks say: blocks that overlap or go back are cut, and so is what
was never sent.

::

    SACK (RFC 9260 section 3.3.4)
    |                      Cumulative TSN Ack                       |
    |          Advertised Receiver Window Credit (a_rwnd)           |
    | Number of Gap Ack Blocks = N  |  Number of Duplicate TSNs = M |
    |    Gap Ack Block #1 Start     |     Gap Ack Block #1 End      |
    \                                                               \
"""

from __future__ import annotations

from struct import Struct

from miso.worker.errors import ParseError
from miso.worker.sctp.sending.congestion import CongestionControl
from miso.worker.sctp.sending.send_queue import Message, SendQueue
from miso.worker.sctp.sending.sent_chunk import SentChunk

MAX_OUTSTANDING = 4096  # chunks

# What a SACK did, as bits
ADVANCED = 1  # the cumulative TSN
ACKNOWLEDGED = 2  # something for the first time

_FORWARD = Struct("!BBHI")
_ENTRY = Struct("!HH")
_I_ENTRY = Struct("!HHI")


class Outbound:
    """What we send, until it is acknowledged or given up.

    Attributes:
        queue: messages that have not left completely.
        congestion: the window.
        flight: bytes in flight, chunk headers included.
        outstanding_size: bytes of messages that have left, are not acknowledged cumulatively and not given up.
        peer_window: what the peer says it can take, less what is in flight.
        peer_is_full: its last SACK offered no room.
        rtt_us: the last SACK's measurement, -1 when it made none.
        forward_due: a FORWARD-TSN is to be sent.
        rescue: a loss was found; the next packet of lost chunks is sent whatever the window.
        probes: how many were sent since the cumulative TSN moved last.
        abandoned_messages: how many were given up.
    """

    def __init__(self, initial_tsn: int, peer_window: int, interleaving: bool) -> None:
        self.queue = SendQueue(interleaving, peer_window)
        self.congestion = CongestionControl(peer_window)
        self.flight = 0
        self.outstanding_size = 0
        self.peer_window = peer_window
        self.peer_is_full = False
        self.rtt_us = -1
        self.forward_due = False
        self.rescue = False
        self.probes = 0
        self.abandoned_messages = 0
        self._interleaving = interleaving
        self._header_size = 20 if interleaving else 16
        self._next_tsn = (1 << 32) + initial_tsn
        self._cumulative = self._next_tsn - 1
        self._advanced = self._cumulative
        self._chunks: list[SentChunk] = []
        self._head = 0
        self._gap_acked = 0
        self._lost = 0
        self._lost_from = 0
        self._burst_end = 0
        self._timed_tsn = 0
        self._timed_us = 0
        self._probe_end = 0
        self._probe_us = 0
        self._probe_round_trip_us = 0

    def buffered_amount(self) -> int:
        """Bytes of messages not acknowledged and not given up."""
        return self.queue.size + self.outstanding_size

    def last_assigned_tsn(self) -> int:
        """0 to 2^32-1."""
        return (self._next_tsn - 1) & 0xFFFFFFFF

    def is_acknowledged(self, tsn: int) -> bool:
        """Whether a 32-bit TSN is acknowledged cumulatively."""
        return (self._cumulative - tsn) & 0xFFFFFFFF < 0x80000000

    def is_outstanding(self) -> bool:
        """Whether chunks wait for being acknowledged or skipped, so that T3-rtx runs."""
        return len(self._chunks) > self._head

    def is_idle(self) -> bool:
        """Whether nothing is queued and nothing outstanding."""
        return self.queue.count == 0 and len(self._chunks) == self._head

    # ------------------------------------------------------------------ what the peer says

    def on_sack(self, packet: bytes, offset: int, end: int, now_us: int) -> int:
        """Takes the value of a SACK. Gives the bits ``ADVANCED`` and ``ACKNOWLEDGED``.

        Raises:
            ParseError: the value is shorter than what it says it has.
        """
        if end - offset < 12:
            raise ParseError(f"SCTP SACK is too short: have {end - offset} bytes, need 12")
        gaps = _u16(packet, offset + 8)
        needed = 12 + 4 * (gaps + _u16(packet, offset + 10))
        if end - offset < needed:
            raise ParseError(f"SCTP SACK is too short: have {end - offset} bytes, need {needed}")
        done = self._on_cumulative(_u32(packet, offset), now_us)
        if done < 0:
            return 0
        if gaps or self._gap_acked:
            done |= self._on_gaps(packet, offset + 12, gaps, done & 1 != 0, now_us)
        if self._probe_end and done & 1:
            self._on_probe_answered(_u16(packet, offset + 10) != 0, now_us)
        window = _u32(packet, offset + 4)
        self.peer_is_full = window == 0
        self.peer_window = window - self.flight if window > self.flight else 0
        self._advance()
        return done

    def on_shutdown(self, tsn: int, now_us: int) -> int:
        """Takes the cumulative TSN of a SHUTDOWN; gives what ``on_sack`` gives."""
        done = self._on_cumulative(tsn, now_us)
        self._advance()
        return done if done > 0 else 0

    def _on_cumulative(self, wire_tsn: int, now_us: int) -> int:
        """Forgets what is acknowledged; -1 for a SACK that is old or acknowledges what was never sent."""
        self.rtt_us = -1
        step = (wire_tsn - self._cumulative) & 0xFFFFFFFF
        if step > len(self._chunks) - self._head:
            return -1
        if step == 0:
            return 0
        flight_before = self.flight
        acked = 0
        for _position in range(step):
            chunk = self._chunks[self._head]
            self._head += 1
            wire_size = chunk.size + self._header_size
            if chunk.state == 0:
                self.flight -= wire_size
                acked += wire_size
                self._time(chunk, now_us)
            elif chunk.state == 1:
                self._gap_acked -= 1
            elif chunk.state == 2:
                self._lost -= 1
                acked += wire_size
            if chunk.state != 3:
                self.outstanding_size -= chunk.size
            self.queue.on_gone(chunk.message.stream_id)
        self._cumulative += step
        self.probes = 0
        if self._head > 64 and 2 * self._head > len(self._chunks):
            del self._chunks[: self._head]
            self._head = 0
        if self._timed_tsn and self._timed_tsn <= self._cumulative:
            self._timed_tsn = 0
        self.congestion.on_acknowledged(acked, flight_before, self._cumulative)
        if self._head == len(self._chunks):
            self.congestion.on_all_acknowledged()
        return 3 if acked else 1

    def _on_gaps(self, packet: bytes, offset: int, gaps: int, advanced: bool, now_us: int) -> int:
        count = len(self._chunks) - self._head
        position = 0
        newly = -1
        acked_last = -1
        for _block in range(gaps):
            first = _u16(packet, offset) - 1
            last = _u16(packet, offset + 2) - 1
            offset += 4
            if first < position:
                first = position
            if last >= count:
                last = count - 1
            if first > last:
                continue
            self._take_back(position, first)
            for index in range(first, last + 1):
                chunk = self._chunks[self._head + index]
                if chunk.state == 0 or chunk.state == 2:
                    if chunk.state == 0:
                        self.flight -= chunk.size + self._header_size
                        self._time(chunk, now_us)
                    else:
                        self._lost -= 1
                    chunk.state = 1
                    self._gap_acked += 1
                    newly = index
                acked_last = index
            position = last + 1
        self._take_back(position, count)
        if self.congestion.in_fast_recovery and advanced:
            self._count_missing(acked_last)
        elif newly >= 0:
            self._count_missing(newly)
        return 2 if newly >= 0 else 0

    def _take_back(self, first: int, end: int) -> None:
        """What a gap block acknowledged before and none does now is in flight again (RFC 9260 section 6.2.1)."""
        if self._gap_acked == 0:
            return
        for index in range(first, end):
            chunk = self._chunks[self._head + index]
            if chunk.state == 1:
                chunk.state = 0
                self._gap_acked -= 1
                self.flight += chunk.size + self._header_size

    def _count_missing(self, highest: int) -> None:
        """Chunks before a newly acknowledged one were reported missing; the third time they are lost.

        Section 7.2.4.
        """
        if highest < 0:
            return
        highest_tsn = self._cumulative + 1 + highest
        found = False
        for index in range(highest):
            chunk = self._chunks[self._head + index]
            if chunk.state != 0 or highest_tsn < chunk.counts_from:
                continue
            chunk.missing += 1
            if chunk.missing >= 3:
                found = True
                self._lose(chunk)
        if found and not self.congestion.in_fast_recovery:
            self.congestion.on_fast_retransmit(self._next_tsn - 1)
            self.rescue = True

    def _time(self, chunk: SentChunk, now_us: int) -> None:
        """A round trip is measured on one chunk at a time, that was sent once (section 6.3.1 C4, C5)."""
        if chunk.tsn == self._timed_tsn:
            if chunk.transmits == 1:
                self.rtt_us = now_us - self._timed_us
            self._timed_tsn = 0

    def probe(self, room: int, now_us: int, round_trip_us: int) -> list[bytes]:
        """What was not acknowledged for long and fits into one packet, once more, as TCP's tail loss probe (RFC 8985).

        Args:
            room: bytes for the chunks.
            now_us: the time.
            round_trip_us: what left less than this ago could not be acknowledged yet.
        """
        self.probes += 1
        self._probe_end = 0
        self._probe_us = now_us
        self._probe_round_trip_us = round_trip_us
        parts: list[bytes] = []
        for index in range(self._head, len(self._chunks)):
            chunk = self._chunks[index]
            if chunk.state != 0 or now_us - chunk.sent_us < round_trip_us or not chunk.may_leave_again(now_us):
                continue
            wire_size = (chunk.size + self._header_size + 3) & ~3
            if wire_size > room:
                break
            room -= wire_size
            chunk.sent_us = now_us
            chunk.transmits += 1
            chunk.counts_from = self._next_tsn
            chunk.flags |= 8
            if chunk.tsn == self._timed_tsn:
                self._timed_tsn = 0
            self._probe_end = self._next_tsn
            parts.append(chunk.encode(self._interleaving))
        return parts

    def _on_probe_answered(self, was_repeated: bool, now_us: int) -> None:
        """The cumulative TSN moved.

        When that is the probe's doing, what was sent well before it and is still missing is lost; and so was what it
        repeated, unless the peer reports a repetition (RFC 8985 sections 6.2 and 7.4).
        """
        end = self._probe_end
        self._probe_end = 0
        quarter_us = self._probe_round_trip_us // 4
        if not was_repeated and not 3 * quarter_us <= now_us - self._probe_us <= 6 * quarter_us:
            return  # the answer to what had left before
        for index in range(self._head, len(self._chunks)):
            chunk = self._chunks[index]
            if chunk.tsn >= end:
                break
            if chunk.state == 0 and chunk.sent_us < self._probe_us - quarter_us:
                self._lose(chunk)
                self.rescue = True
        if self.rescue or not was_repeated:
            self.congestion.on_fast_retransmit(self._next_tsn - 1)

    def on_timeout(self, now_us: int) -> None:
        """T3-rtx expired: all that is in flight is lost (section 6.3.3)."""
        self._probe_end = 0
        self.congestion.on_timeout()
        self._timed_tsn = 0
        for index in range(self._head, len(self._chunks)):
            chunk = self._chunks[index]
            if chunk.state == 0:
                self._lose(chunk)
        self.rescue = True
        self._expire_outstanding(now_us)
        self._advance()
        self.forward_due = self._advanced > self._cumulative

    # ------------------------------------------------------------------ giving up

    def _lose(self, chunk: SentChunk) -> None:
        chunk.missing = 0
        if chunk.tsn == self._timed_tsn:
            self._timed_tsn = 0
        self.flight -= chunk.size + self._header_size
        chunk.state = 2
        self._lost += 1
        if self._lost == 1 or chunk.tsn < self._lost_from:
            self._lost_from = chunk.tsn
        message = chunk.message
        if message.max_retransmits >= 0 and chunk.transmits > message.max_retransmits:
            self._abandon(message)

    def _abandon(self, message: Message) -> None:
        if message.abandoned:
            return
        message.abandoned = True
        self.abandoned_messages += 1
        if self.queue.drop(message):
            rest = SentChunk(self._next_tsn, message, message.offset, 0, 0, message.fragment, 0)
            rest.state = 3
            self._chunks.append(rest)
            self._next_tsn += 1
        first = message.first_tsn if message.first_tsn > self._cumulative else self._cumulative + 1
        for index in range(first - self._cumulative - 1, message.last_tsn - self._cumulative):
            chunk = self._chunks[self._head + index]
            if chunk.message is not message:
                continue
            if chunk.state == 0:
                self.flight -= chunk.size + self._header_size
            elif chunk.state == 1:
                self._gap_acked -= 1
            else:
                self._lost -= 1
            chunk.state = 3
            self.outstanding_size -= chunk.size
        self._advance()

    def _expire_outstanding(self, now_us: int) -> None:
        for index in range(self._head, len(self._chunks)):
            chunk = self._chunks[index]
            expires_us = chunk.message.expires_us
            if chunk.state == 2 and expires_us and now_us >= expires_us:
                self._abandon(chunk.message)

    def _advance(self) -> None:
        """Moves Advanced.Peer.Ack.Point over what is given up (RFC 3758 section 3.5 C2)."""
        if self._advanced < self._cumulative:
            self._advanced = self._cumulative
        index = self._head + (self._advanced - self._cumulative)
        while index < len(self._chunks):
            chunk = self._chunks[index]
            if chunk.state != 3:
                break
            index += 1
            self._advanced += 1
        if self._advanced > self._cumulative:
            self.forward_due = True

    def forward_chunk(self, room: int) -> bytes:
        """A FORWARD-TSN, or I-FORWARD-TSN, of at most ``room`` bytes; it skips less if not all streams find room."""
        self.forward_due = False
        limit = (room - 8) // (8 if self._interleaving else 4)
        numbers: dict[int, int] = {}
        tsn = self._cumulative
        for index in range(self._head, self._head + (self._advanced - self._cumulative)):
            chunk = self._chunks[index]
            message = chunk.message
            key = message.stream_id << 1
            if message.unordered:
                key |= 1
            if self._interleaving or not message.unordered:
                if len(numbers) >= limit and key not in numbers:
                    break
                numbers[key] = message.number
            tsn = chunk.tsn
        if self._interleaving:
            entries = [_I_ENTRY.pack(key >> 1, key & 1, number) for key, number in numbers.items()]
            return _FORWARD.pack(194, 0, 8 + 8 * len(entries), tsn & 0xFFFFFFFF) + b"".join(entries)
        entries = [_ENTRY.pack(key >> 1, number) for key, number in numbers.items()]
        return _FORWARD.pack(192, 0, 8 + 4 * len(entries), tsn & 0xFFFFFFFF) + b"".join(entries)

    # ------------------------------------------------------------------ what is sent

    def begin_burst(self) -> None:
        """One event sets four packets free at most (RFC 9260 section 6.1 D)."""
        self._burst_end = self.flight + 4800

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
        if self._lost:
            room = self._fill_lost(parts, room, now_us)
            if self._lost:
                return parts
        while self.queue.has_messages() and len(self._chunks) - self._head < 4096:
            if self.flight and (self.flight >= self.congestion.window or self.flight >= self._burst_end):
                break
            message = self.queue.head(now_us)
            if message is None:
                break
            if message.offset and message.expires_us and now_us >= message.expires_us:
                self._abandon(message)
                continue
            size = len(message.data) - message.offset
            space = (room - self._header_size) & ~3
            if size > space:
                if parts or not (is_whole or (space >= 512 and size > 1172)):
                    break
                size = space
            if self.flight and size + self._header_size > self.peer_window:
                break
            parts.append(self._send_new(message, size, now_us))
            room -= (self._header_size + size + 3) & ~3
        return parts

    def _fill_lost(self, parts: list[bytes], room: int, now_us: int) -> int:
        """Sends lost chunks again, the first packet after a loss was found whatever the window (section 7.2.4, 3)."""
        first = self._lost_from - self._cumulative - 1
        if first < 0:
            first = 0
        for index in range(self._head + first, len(self._chunks)):
            if self._lost == 0:
                break
            chunk = self._chunks[index]
            if chunk.state != 2:
                continue
            if chunk.message.expires_us and now_us >= chunk.message.expires_us:
                self._abandon(chunk.message)
                continue
            wire_size = chunk.size + self._header_size
            self._lost_from = chunk.tsn
            if wire_size > room:
                break
            is_full = self.flight + wire_size > self.congestion.window or self.flight >= self._burst_end
            if self.flight and is_full and not self.rescue:
                break
            chunk.state = 0
            chunk.sent_us = now_us
            chunk.transmits += 1
            chunk.counts_from = self._next_tsn
            self._lost -= 1
            if self._lost == 0 and not self.queue.has_messages():
                chunk.flags |= 8
            self.flight += wire_size
            parts.append(chunk.encode(self._interleaving))
            room -= (wire_size + 3) & ~3
        self.rescue = False
        return room

    def _send_new(self, message: Message, size: int, now_us: int) -> bytes:
        tsn = self._next_tsn
        start = message.offset
        fragment = message.fragment
        flags = self.queue.take(message, size, tsn)
        if flags & 1 and (start or not self._timed_tsn or self._burst_end == 4800) and not self.queue.has_messages():
            flags |= 8  # nothing follows soon that would make the peer acknowledge it (RFC 7053 section 4)
        chunk = SentChunk(tsn, message, start, size, flags, fragment, now_us)
        self._chunks.append(chunk)
        self._next_tsn = tsn + 1
        self.flight += size + self._header_size
        self.outstanding_size += size
        wire_size = size + self._header_size
        self.peer_window = self.peer_window - wire_size if self.peer_window > wire_size else 0
        if self._timed_tsn == 0:
            self._timed_tsn = tsn
            self._timed_us = now_us
        return chunk.encode(self._interleaving)


def _u16(data: bytes, offset: int) -> int:
    return (data[offset] << 8) | data[offset + 1]


def _u32(data: bytes, offset: int) -> int:
    return (data[offset] << 24) | (data[offset + 1] << 16) | (data[offset + 2] << 8) | data[offset + 3]
