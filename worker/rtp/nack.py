# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Which packets of a received stream are missing, and when to ask for them (RFC 4585 section 6.2.1).

The missing numbers stand in a ring in the order of the stream; what arrived or was given up leaves a hole until the
ring is compacted, so a packet costs no search unless it is late.
"""

from __future__ import annotations

from miso.worker.rtp import enums

_CAPACITY = 1024
_PLACE = _CAPACITY - 1  # what of an index is the entry in the ring
_MAX_MISSING = 1000
_MAX_AGE = 10000  # numbers
_MAX_RETRIES = 10
_HOLE = 255  # in place of the retries
_MAX_REMEMBERED = 32  # key frames, and recovered packets
_DEFAULT_RTT_US = 100000
_MIN_INTERVAL_US = 20000
_PATIENCE_US = 10000  # packets overtake each other: how long one may be late before it is asked for


class NackGenerator:
    """Watches sequence numbers; a gap is asked for 10 ms later, then every round trip, ten times at most.

    Attributes:
        rtt_us: round-trip time to the sender, 0 while unknown (100 ms are taken).
        key_frame_needed: too much was missing, or a packet was given up with no key frame after it; whoever acts on it
            sets it back.
        missing: how many packets are missing now, 1000 at most.
    """

    def __init__(self) -> None:
        self.rtt_us = 0
        self.key_frame_needed = False
        self.missing = 0
        self._started = False  # a packet has come
        self._last_sequence = 0  # the newest number so far
        self._head = 0  # index of the ring's oldest entry
        self._used = 0  # how many entries there are, with holes; their fields are the three below
        self._sequence = [0] * 1024
        self._retries = [0] * 1024  # how often it was asked for
        self._sent_us = [0] * 1024  # when that was last, before the first time when it was missed
        self._key_frames = [0] * 32  # numbers of the latest, oldest first
        self._key_frame_count = 0
        self._recovered = [0] * 32  # numbers that came by RTX before those around them
        self._recovered_count = 0

    def on_packet(self, sequence_number: int, is_key_frame: bool, is_recovered: bool, now_us: int) -> int:
        """Takes note of a packet.

        Args:
            sequence_number: of the packet, the original one for a packet that came by RTX.
            is_key_frame: whether it begins a key frame.
            is_recovered: whether it came by RTX.
            now_us: its arrival.

        Returns:
            Bits: ``NACKED_PACKET`` it had been asked for (it is a repair), ``NACK_NEEDED`` new packets are missing
            (``poll`` after 10 ms), ``KEY_FRAME_NEEDED``.
        """
        if not self._started:
            self._started = True
            self._last_sequence = sequence_number
            if is_key_frame:
                self._remember_key_frame(sequence_number)
            return 0
        step = (sequence_number - self._last_sequence) & 0xFFFF
        if step == 0:
            return 0
        if step >= 0x8000:
            return self._on_old_packet(sequence_number)
        if is_key_frame:
            self._remember_key_frame(sequence_number)
        if is_recovered:
            self._remember_recovered(sequence_number)
            return 0
        if step == 1 and self._used == 0:
            self._last_sequence = sequence_number
            return 0
        return self._add_missing(sequence_number, step, now_us)

    def is_missing(self, sequence_number: int) -> bool:
        """Whether the packet is, or will be, asked for."""
        return self._find(sequence_number) >= 0

    def _on_old_packet(self, sequence_number: int) -> int:
        entry = self._find(sequence_number)
        if entry < 0:
            return 0
        retries = self._retries[entry]
        self._retries[entry] = _HOLE
        self.missing -= 1
        self._trim_head()
        return enums.NACKED_PACKET if retries > 0 else 0

    def _add_missing(self, sequence_number: int, step: int, now_us: int) -> int:
        number = (self._last_sequence + 1) & 0xFFFF
        self._last_sequence = sequence_number
        self._remove_until((sequence_number - _MAX_AGE) & 0xFFFF)
        gap = step - 1
        if gap == 0:
            return 0
        self._forget_old_key_frames(sequence_number)
        while self.missing + gap > _MAX_MISSING and self._remove_until_key_frame():
            pass
        if self.missing + gap > _MAX_MISSING:
            self._clear()
            self.key_frame_needed = True
            return enums.KEY_FRAME_NEEDED
        if self._used + gap > _CAPACITY:
            self._compact()
        added = 0
        for _position in range(gap):
            if not self._is_recovered(number):
                entry = (self._head + self._used) & _PLACE
                self._sequence[entry] = number
                self._retries[entry] = 0
                self._sent_us[entry] = now_us
                self._used += 1
                self.missing += 1
                added += 1
            number = (number + 1) & 0xFFFF
        return enums.NACK_NEEDED if added > 0 else 0

    def _find(self, sequence_number: int) -> int:
        # binary search in stream order; the whole ring spans less than ``_MAX_AGE`` numbers
        low = 0
        high = self._used
        while low < high:
            middle = (low + high) >> 1
            if ((self._sequence[(self._head + middle) & _PLACE] - sequence_number) & 0xFFFF) >= 0x8000:
                low = middle + 1
            else:
                high = middle
        if low == self._used:
            return -1
        low = (self._head + low) & _PLACE
        if self._sequence[low] != sequence_number or self._retries[low] == _HOLE:
            return -1
        return low

    def _remove_until(self, sequence_number: int) -> None:
        while self._used > 0 and ((self._sequence[self._head] - sequence_number) & 0xFFFF) >= 0x8000:
            if self._retries[self._head] != _HOLE:
                self.missing -= 1
            self._head = (self._head + 1) & _PLACE
            self._used -= 1
        self._trim_head()

    def _remove_until_key_frame(self) -> bool:
        # what lies before a key frame that did come is not worth asking for
        while self._key_frame_count > 0:
            before = self.missing
            self._remove_until(self._key_frames[0])
            if self.missing < before:
                return True
            self._drop_first_key_frame()
        return False

    def _compact(self) -> None:
        target = 0
        for position in range(self._used):
            source = (self._head + position) & _PLACE
            if self._retries[source] != _HOLE:
                entry = (self._head + target) & _PLACE
                self._sequence[entry] = self._sequence[source]
                self._retries[entry] = self._retries[source]
                self._sent_us[entry] = self._sent_us[source]
                target += 1
        self._used = target

    def _trim_head(self) -> None:
        while self._used > 0 and self._retries[self._head] == _HOLE:
            self._head = (self._head + 1) & _PLACE
            self._used -= 1

    def _clear(self) -> None:
        self._head = 0
        self._used = 0
        self.missing = 0

    def _remember_key_frame(self, sequence_number: int) -> None:
        if self._key_frame_count == _MAX_REMEMBERED:
            self._drop_first_key_frame()
        self._key_frames[self._key_frame_count] = sequence_number
        self._key_frame_count += 1

    def _drop_first_key_frame(self) -> None:
        self._key_frame_count -= 1
        for position in range(self._key_frame_count):
            self._key_frames[position] = self._key_frames[position + 1]

    def _forget_old_key_frames(self, sequence_number: int) -> None:
        while self._key_frame_count > 0 and ((sequence_number - self._key_frames[0]) & 0xFFFF) > _MAX_AGE:
            self._drop_first_key_frame()

    def _remember_recovered(self, sequence_number: int) -> None:
        if self._recovered_count == _MAX_REMEMBERED:
            self._recovered_count -= 1
            for position in range(self._recovered_count):
                self._recovered[position] = self._recovered[position + 1]
        self._recovered[self._recovered_count] = sequence_number
        self._recovered_count += 1

    def _is_recovered(self, sequence_number: int) -> bool:
        for position in range(self._recovered_count):
            if self._recovered[position] == sequence_number:
                self._recovered_count -= 1
                self._recovered[position] = self._recovered[self._recovered_count]
                return True
        return False

    def poll(self, now_us: int) -> list[int]:
        """The missing packets to ask for now, oldest first; call it 10 ms after a gap, then every 40 ms or so.

        What was asked for ten times is given up.
        """
        numbers: list[int] = []
        if self.missing == 0:
            return numbers
        interval_us = _DEFAULT_RTT_US
        if self.rtt_us > 0:  # and a little, for the repair may be about to arrive
            interval_us = self.rtt_us + (self.rtt_us >> 3 if self.rtt_us > 40000 else 5000)
        if interval_us < _MIN_INTERVAL_US:
            interval_us = _MIN_INTERVAL_US
        for position in range(self._used):
            entry = (self._head + position) & _PLACE
            if self._retries[entry] == _HOLE:
                continue
            if now_us - self._sent_us[entry] < (interval_us if self._retries[entry] > 0 else _PATIENCE_US):
                continue
            if self._retries[entry] >= _MAX_RETRIES:
                self._give_up(entry)
                continue
            self._retries[entry] += 1
            self._sent_us[entry] = now_us
            numbers.append(self._sequence[entry])
        self._trim_head()
        return numbers

    def _give_up(self, entry: int) -> None:
        self._retries[entry] = _HOLE
        self.missing -= 1
        if self._key_frame_count > 0 and (
            ((self._key_frames[self._key_frame_count - 1] - self._sequence[entry]) & 0xFFFF) < 0x8000
        ):
            return  # the picture began anew after it
        self.key_frame_needed = True

    def reset(self) -> None:
        """Forgets everything seen; the next packet is the first again."""
        self._clear()
        self._started = False
        self._key_frame_count = 0
        self._recovered_count = 0
        self.key_frame_needed = False
