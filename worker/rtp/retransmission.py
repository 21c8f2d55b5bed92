# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""What a consumer has sent lately, by outgoing sequence number: where to find it when its receiver asks again.

The packets themselves stand once, in the store of the producer's stream; here are only their slots. Seven 32-bit words
per packet, in a ring that begins with 64 packets and doubles while what it would overwrite is younger than two seconds.
Times are in 2^-18 s, of which the lowest 24 bits are the abs-send-time of the packet's header: what is sent again
without RTX has to be the same to the last bit.
"""

from __future__ import annotations

from array import array

from miso.worker.rtp import enums

_MODULO = 0xFFFFFFFF  # Cython makes a Python object of a literal beyond 31 bits
_LIFETIME = 2 << 18
_DEFAULT_RTT = (1 << 18) // 10
_MIN_CAPACITY = 64

# The first word of a row, ``enums.ROW_STATE``: these bits, how often it was sent again << 16, the sequence number.
_VALID = 0x40000000
_LATE = 0x20000000
_UNSENT = 0x10000000
# In the second word, ``enums.ROW_SLOT``, the transport-wide number << 16 stands beside the slot.


def _ticks(time_us: int) -> int:
    """The time in 2^-18 s, modulo 2^32; ``time_us << 18`` in one go would not fit into 64 bits for long."""
    second = time_us // 1_000_000
    return ((second << 18) + ((time_us - second * 1_000_000) << 18) // 1_000_000) & _MODULO


class RetransmissionIndex:
    """Finds a sent packet again.

    Attributes:
        slot: of the packet found last, as given to ``put``.
        generation: to be compared with the slot's present one: another means the packet has been overwritten.
        timestamp_offset: what had been added to the incoming timestamp, modulo 2^32.
        rewrite: what was written over its payload, as ``LayerSelector.rewrite``; 0: nothing.
        resent_count: how often the packet found last has been sent again, this time included (255 at most).
        is_sent: it has gone out once; False: it was kept back, and has no number and time yet.
        transport_wide_number: that it went out with.
        abs_send_time: likewise, 24 bits in 2^-18 s.
    """

    def __init__(self, max_packets: int = 2048) -> None:
        """``max_packets`` is a power of two, 64 to 16384."""
        if max_packets < _MIN_CAPACITY or max_packets > 16384 or max_packets & (max_packets - 1) != 0:
            raise ValueError(f"max_packets is {max_packets}, expected a power of two from 64 to 16384")
        self.slot = 0
        self.generation = 0
        self.timestamp_offset = 0
        self.rewrite = 0
        self.resent_count = 0
        self.is_sent = False
        self.transport_wide_number = 0
        self.abs_send_time = 0
        self._max_capacity = max_packets
        self._capacity = 0  # rows, a power of two; 0 before the first packet
        self._newest = 0  # the highest number so far
        self._rows: array[int] = None  # type: ignore[assignment]  # until there is a packet

    def put(
        self,
        sequence_number: int,
        slot: int,
        generation: int,
        timestamp_offset: int,
        now_us: int,
        rewrite: int = 0,
        transport_wide_number: int = 0,
        is_sent: bool = True,
    ) -> int:
        """Remembers a packet that is being sent as ``sequence_number``, or would have been. Returns 0.

        ``slot`` has 16 bits, the others 32, as far as they are no numbers of packets.
        """
        if self._capacity == 0:
            self._grow()
            self._newest = sequence_number
        flags = _VALID if is_sent else _VALID | _UNSENT
        if ((sequence_number - self._newest) & 0xFFFF) < 0x8000:
            self._newest = sequence_number
        else:
            flags |= _LATE
        now = _ticks(now_us)
        row = (sequence_number & (self._capacity - 1)) * enums.ROW_WORDS
        while (
            self._capacity < self._max_capacity
            and self._rows[row] & _VALID
            and self._rows[row] & 0xFFFF != sequence_number
            and ((now - self._rows[row + enums.ROW_SENT_AT]) & _MODULO) < _LIFETIME
        ):
            self._grow()
            row = (sequence_number & (self._capacity - 1)) * enums.ROW_WORDS
        self._rows[row] = flags | sequence_number
        self._rows[row + enums.ROW_SLOT] = transport_wide_number << 16 | slot
        self._rows[row + enums.ROW_GENERATION] = generation
        self._rows[row + enums.ROW_TIMESTAMP_OFFSET] = timestamp_offset
        self._rows[row + enums.ROW_SENT_AT] = now
        self._rows[row + enums.ROW_RESENT_AT] = 0
        self._rows[row + enums.ROW_REWRITE] = rewrite
        return 0

    def take(self, sequence_number: int, now_us: int, rtt_us: int) -> int:
        """Looks up a packet that is to be sent again, and counts it as sent again.

        Args:
            sequence_number: as the receiver names it.
            now_us: the present.
            rtt_us: round-trip time to the receiver, 0 while unknown (100 ms are taken for what was sent again). Within
                it a second request is a crossing, not a second loss; so is a first one for a packet that was sent
                late, because it was itself repaired: the receiver asked when it saw the gap.

        Returns:
            ``FOUND`` (the attributes hold), ``NOT_FOUND`` (never sent, or longer than two seconds ago), or ``TOO_SOON``
            (it is under way).
        """
        if self._capacity == 0:
            return enums.NOT_FOUND
        now = _ticks(now_us)
        rtt = _DEFAULT_RTT if rtt_us <= 0 else _ticks(rtt_us)
        row = (sequence_number & (self._capacity - 1)) * enums.ROW_WORDS
        if self._rows[row] & (_VALID | 0xFFFF) != _VALID | sequence_number:
            return enums.NOT_FOUND
        if ((now - self._rows[row + enums.ROW_SENT_AT]) & _MODULO) > _LIFETIME:
            return enums.NOT_FOUND
        self.resent_count = (self._rows[row] >> 16) & 255
        if self.resent_count > 0 and ((now - self._rows[row + enums.ROW_RESENT_AT]) & _MODULO) <= rtt:
            return enums.TOO_SOON
        flags = self._rows[row] & (_VALID | _LATE | _UNSENT)
        if (
            flags & _LATE
            and self.resent_count == 0
            and rtt_us > 0
            and ((now - self._rows[row + enums.ROW_SENT_AT]) & _MODULO) < rtt + (rtt >> 3)
        ):
            return enums.TOO_SOON
        if self.resent_count < 255:
            self.resent_count += 1
        self._rows[row] = flags | self.resent_count << 16 | sequence_number
        self._rows[row + enums.ROW_RESENT_AT] = now
        self.slot = self._rows[row + enums.ROW_SLOT] & 0xFFFF
        self.transport_wide_number = self._rows[row + enums.ROW_SLOT] >> 16
        self.abs_send_time = self._rows[row + enums.ROW_SENT_AT] & 0xFFFFFF
        self.is_sent = flags & _UNSENT == 0
        self.generation = self._rows[row + enums.ROW_GENERATION]
        self.timestamp_offset = self._rows[row + enums.ROW_TIMESTAMP_OFFSET]
        self.rewrite = self._rows[row + enums.ROW_REWRITE]
        return enums.FOUND

    def set_sent(self, sequence_number: int, transport_wide_number: int, now_us: int) -> None:
        """What was kept back goes out now for the first time; it is the packet found last."""
        row = (sequence_number & (self._capacity - 1)) * enums.ROW_WORDS
        self._rows[row] &= ~_UNSENT
        self._rows[row + enums.ROW_SLOT] = transport_wide_number << 16 | self.slot
        self._rows[row + enums.ROW_SENT_AT] = _ticks(now_us)

    def _grow(self) -> int:
        capacity = self._capacity * 2 if self._capacity > 0 else _MIN_CAPACITY
        rows = array("I", bytes(4 * enums.ROW_WORDS * capacity))
        for position in range(self._capacity):
            source = position * enums.ROW_WORDS
            if self._rows[source] & _VALID:
                target = (self._rows[source] & (capacity - 1)) * enums.ROW_WORDS
                for field in range(enums.ROW_WORDS):
                    rows[target + field] = self._rows[source + field]
        self._rows = rows
        self._capacity = capacity
        return 0

    def clear(self) -> None:
        """Forgets everything and gives the memory back."""
        self._capacity = 0
        self._rows = None  # type: ignore[assignment]
