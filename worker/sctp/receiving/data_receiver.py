# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
r"""The receiving half of an association: DATA, I-DATA and FORWARD-TSN in, messages and SACKs out.

::

    DATA (RFC 9260 section 3.3.1)              I-DATA (RFC 8260 section 2.1)
    |              TSN              |          |              TSN              |
    |   Stream ID   |      SSN      |          |   Stream ID   |   reserved    |
    |             PPID              |          |      Message identifier       |
    \           User data           \          |     PPID, or fragment number  |
                                               \           User data           \
"""

from __future__ import annotations

from struct import Struct

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.events import MessageReceived
from miso.worker.sctp.receiving.reassembly import Reassembly
from miso.worker.sctp.receiving.received_tsns import ReceivedTsns
from miso.worker.sctp.wire.fields import has_reached16, has_reached32, u16, u32

_DATA_SIZE = enums.DATA_HEADER_SIZE - enums.CHUNK_HEADER_SIZE  # of the value without user data
_I_DATA_SIZE = enums.I_DATA_HEADER_SIZE - enums.CHUNK_HEADER_SIZE
_TSN_SIZE = 4  # of a FORWARD-TSN's value without entries
_ENTRY_SIZE = 4  # of a stream in FORWARD-TSN
_I_ENTRY_SIZE = 8

_SACK = Struct("!BBHIIHH")


class DataReceiver:
    """What the peer sends, and what to tell it about that.

    What has come and waits is charged with all it takes in memory. Out of order as much is kept as the peer was told;
    the one chunk that everything waits for finds five eighths more, which is a message of the largest size whose
    fragments were all lost but the last. When even that is full, what waits are parts of messages whose rest has no
    room any more, and no chunk could change that.

    Attributes:
        streams: the peer may send on streams 0 to this, exclusively.
        unacknowledged: packets with data since the last SACK.
        sack_now: a SACK must not be delayed.
    """

    def __init__(self, initial_tsn: int, streams: int, max_message_size: int, interleaving: bool) -> None:
        self.streams = streams
        self.unacknowledged = 0
        self.sack_now = False
        self._tsns = ReceivedTsns(initial_tsn)
        self._reassembly = Reassembly(max_message_size, interleaving)
        self._interleaving = interleaving
        self._buffer_size = min(max(enums.MIN_BUFFER_SIZE, 2 * max_message_size), enums.MAX_BUFFER_SIZE)
        self._held_streams: frozenset[int] | None = None  # to be reset; empty for all, None for none
        self._held_from = 0  # beyond this unwrapped TSN they take nothing until then

    def cumulative_tsn(self) -> int:
        """All up to this one have come, 0 to 2^32-1."""
        return self._tsns.cumulative & 0xFFFFFFFF

    def has_reached(self, tsn: int) -> bool:
        """Whether all up to a 32-bit TSN have come."""
        return self._tsns.unwrap(tsn) <= self._tsns.cumulative

    def window(self) -> int:
        """Bytes the peer may send, for ``a_rwnd``."""
        buffered = self._reassembly.buffered()
        return self._buffer_size - buffered if buffered < self._buffer_size else 0

    def take_messages(self) -> list[MessageReceived]:
        """Messages delivered since the last call, and a slice of those that waited for one of them."""
        had_more = self._reassembly.has_more()
        messages = self._reassembly.take_messages()
        if had_more and not self._reassembly.has_more():
            self.sack_now = True  # the window that was told is too small now
        return messages

    def has_more(self) -> bool:
        """Whether ``take_messages`` will give more without anything else coming."""
        return self._reassembly.has_more()

    def is_draining(self, stream_ids: list[int] | None) -> bool:
        """Whether that is so for one of these streams, None for any."""
        return self._reassembly.is_draining(stream_ids)

    def add(self, packet: bytes, offset: int, end: int, flags: int, interleaved: bool) -> int:
        """Takes the value of a DATA or I-DATA chunk.

        Returns:
            ``TAKEN``, ``REPEATED``, ``DROPPED``, ``NO_USER_DATA``, ``INVALID_STREAM`` or ``OUT_OF_RESOURCE``.

        Raises:
            ParseError: the value is shorter than its fixed part, or not of the kind agreed on.
        """
        start = offset + (_I_DATA_SIZE if interleaved else _DATA_SIZE)
        if end < start:
            raise ParseError(f"SCTP DATA is too short: have {end - offset} bytes, need {start - offset}")
        if interleaved != self._interleaving:
            raise ParseError("SCTP DATA is of the kind that was not agreed on (RFC 8260 section 2.2.3)")
        if end == start:
            return enums.NO_USER_DATA
        wire_tsn = u32(packet, offset)
        tsn = self._tsns.unwrap(wire_tsn)
        known = self._tsns.look_up(tsn)
        if known == enums.DUPLICATE:
            self.sack_now = True
            self._tsns.add_duplicate(wire_tsn)
            return enums.REPEATED
        stream_id = u16(packet, offset + 4)
        if known == enums.BEYOND_WINDOW or self._is_held(tsn, stream_id):
            return self._drop()
        if not self._has_room(tsn, end - start):
            is_stuck = tsn == self._tsns.cumulative + 1 and not self._reassembly.has_more()
            return enums.OUT_OF_RESOURCE if is_stuck else self._drop()
        if tsn != self._tsns.cumulative + 1 or self._tsns.highest > tsn or flags & enums.FLAG_IMMEDIATE:
            self.sack_now = True
        self._tsns.add(tsn)
        if stream_id >= self.streams:
            return enums.INVALID_STREAM
        data = packet[start:end]
        if interleaved:
            number = u32(packet, offset + 12)
            self._reassembly.add_interleaved(stream_id, u32(packet, offset + 8), flags, number, number, data)
        else:
            self._reassembly.add_data(tsn, stream_id, u16(packet, offset + 6), flags, u32(packet, offset + 8), data)
        return enums.TAKEN

    def forward(self, packet: bytes, offset: int, end: int, interleaved: bool) -> None:
        """Takes the value of a FORWARD-TSN (RFC 3758 section 3.2) or I-FORWARD-TSN (RFC 8260 section 2.3.1).

        A jump costs what had come among the skipped TSNs, not what the chunk claims; of many entries for a stream the
        furthest counts.

        Raises:
            ParseError: the value is no cumulative TSN with whole entries, or not of the kind agreed on.
        """
        entry_size = _I_ENTRY_SIZE if interleaved else _ENTRY_SIZE
        if end - offset < _TSN_SIZE or (end - offset - _TSN_SIZE) % entry_size:
            raise ParseError(f"SCTP FORWARD-TSN has {end - offset} bytes, expected 4 and entries of {entry_size}")
        if interleaved != self._interleaving:
            raise ParseError("SCTP FORWARD-TSN is of the kind that was not agreed on (RFC 8260 section 2.3.1)")
        self.sack_now = True
        tsn = self._tsns.unwrap(u32(packet, offset))
        before = self._tsns.cumulative
        if tsn <= before:
            return
        came = self._tsns.forward(tsn)
        self._reassembly.drop_skipped(came, before, tsn)
        furthest: dict[int, int] = {}  # number by stream, times two, and one more for unordered messages
        for position in range(offset + _TSN_SIZE, end, entry_size):
            key = u16(packet, position) << 1
            if interleaved:
                key |= packet[position + 3] & 1
                number = u32(packet, position + 4)
                is_further = has_reached32(number, furthest.get(key, number))
            else:
                number = u16(packet, position + 2)
                is_further = has_reached16(number, furthest.get(key, number))
            if is_further:
                furthest[key] = number
        for key, number in furthest.items():
            if key >> 1 < self.streams:
                self._reassembly.skip(key >> 1, number, key & 1 != 0)

    def reset(self, stream_ids: list[int] | None) -> list[int]:
        """Streams, or all, begin anew (RFC 6525 section 5.2.2); gives their ids."""
        self._held_streams = None
        return self._reassembly.reset(stream_ids)

    def hold(self, stream_ids: list[int], last_tsn: int) -> None:
        """Takes nothing beyond a TSN on streams (all, for an empty list) until they are reset."""
        self._held_streams = frozenset(stream_ids)
        self._held_from = self._tsns.unwrap(last_tsn)

    def sack(self, room: int) -> bytes:
        """A SACK chunk of at most ``room`` bytes, 16 at least, for what has come."""
        left = (room - enums.SACK_HEADER_SIZE) // 4  # gap blocks, and then duplicates, take four bytes each
        blocks = self._tsns.gap_blocks(left)
        gap_count = len(blocks) // 2
        left -= gap_count
        duplicates = self._tsns.take_duplicates()
        if len(duplicates) > left:
            duplicates = duplicates[:left]
        size = enums.SACK_HEADER_SIZE + 4 * (gap_count + len(duplicates))
        self.unacknowledged = 0
        self.sack_now = False
        fixed = _SACK.pack(enums.SACK, 0, size, self.cumulative_tsn(), self.window(), gap_count, len(duplicates))
        if not blocks and not duplicates:
            return fixed
        return fixed + b"".join(
            [block.to_bytes(2, "big") for block in blocks] + [tsn.to_bytes(4, "big") for tsn in duplicates]
        )

    def _drop(self) -> int:
        self.sack_now = True
        return enums.DROPPED

    def _has_room(self, tsn: int, size: int) -> bool:
        limit = self._buffer_size
        if tsn == self._tsns.cumulative + 1:
            limit += limit // 8 * 5  # five eighths more
        return self._reassembly.buffered() + size + enums.CHUNK_OVERHEAD <= limit

    def _is_held(self, tsn: int, stream_id: int) -> bool:
        if self._held_streams is None or tsn <= self._held_from:
            return False
        return not self._held_streams or stream_id in self._held_streams
