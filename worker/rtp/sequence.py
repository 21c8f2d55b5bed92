# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Sequence numbers of a forwarded stream: continuous for the receiver whatever is dropped or switched before it."""

from __future__ import annotations

_MODULO = 0xFFFFFFFF  # a C integer in the .pxd: Cython makes a Python object of a literal beyond 31 bits
_HALF = 0x80000000


def is_newer32(a: int, b: int) -> bool:
    """Whether timestamp ``a`` comes after ``b`` modulo 2^32 (RFC 1982); the farthest, 2^31, does not."""
    return a != b and ((a - b) & _MODULO) < _HALF


class SequenceMapper:
    """Maps the sequence numbers of incoming packets to outgoing ones without a gap of our own making.

    A gap in the input stays a gap in the output, so that the receiver asks for what was lost; a packet given to
    ``drop`` leaves none: where later ones have been sent before it came, the number that was left for it has to be
    filled. A late packet gets the number that was left for it, as far back as 1023 packets and never beyond the last
    ``sync``.

    Attributes:
        max_output: highest outgoing number so far, 0 to 65535; set it before the first packet to begin at the next, or
            before a ``sync`` to leave a gap.
        max_input: highest incoming number so far.
    """

    def __init__(self, max_output: int = 0, bits: int = 16) -> None:
        """``bits`` of the numbers: 8 to 16 (a picture id has 15)."""
        self.max_output = max_output
        self.max_input = 0
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)  # steps up to it lead ahead
        self._max_history = min(1024, self._half)
        self._started = False  # there has been a ``sync``
        self._offset = 0  # output = input - offset, for the newest input
        self._history = 0  # how many inputs before max_input can still be mapped
        self._dropped = [0] * 32  # one bit per input modulo 1024: dropped without leaving a number for it

    def sync(self, next_input: int) -> None:
        """The stream goes on at ``next_input`` with the next outgoing number; anything older is refused from now on."""
        self._started = True
        self._offset = (next_input - self.max_output - 1) & self._mask
        self.max_input = (next_input - 1) & self._mask
        self._history = 0

    def drop(self, sequence_number: int) -> int:
        """The packet is not forwarded: the numbers after it close up.

        Returns:
            -1; or, when that is too late, since a later packet has been numbered already, the outgoing number that was
            left for this one: the caller fills it, so that the receiver does not ask for what will never be.
        """
        if not self._started:
            return -1
        step = (sequence_number - self.max_input) & self._mask
        if step != 0 and step < self._half:
            self._advance(sequence_number, step)
        else:
            output = self._late_output(sequence_number)
            step = (output - self.max_output) & self._mask
            if output < 0 or step >= self._half:
                return output
            if step == 0:  # it was sent
                return -1
        self._dropped[(sequence_number & 1023) >> 5] |= 1 << (sequence_number & 31)
        self._offset = (self._offset + 1) & self._mask
        return -1

    def map(self, sequence_number: int) -> int:
        """Gives the outgoing number of a packet to be forwarded; the first one syncs when ``sync`` was not called.

        Returns:
            0 to 65535, or -1 for a packet that must not be forwarded: older than the last sync, too old, or dropped.
        """
        if not self._started:
            self.sync(sequence_number)
        step = (sequence_number - self.max_input) & self._mask
        if step != 0 and step < self._half:
            self._advance(sequence_number, step)
            self.max_output = (sequence_number - self._offset) & self._mask
            return self.max_output
        output = self._late_output(sequence_number)
        step = (output - self.max_output) & self._mask
        if output >= 0 and step != 0 and step < self._half:  # what came after it was dropped
            self.max_output = output
        return output

    def _late_output(self, sequence_number: int) -> int:
        """The number that was left for a packet that is not newer than all others; -1: none was, or it is too old."""
        age = (self.max_input - sequence_number) & self._mask
        if age >= self._history:
            return -1
        if (self._dropped[(sequence_number & 1023) >> 5] >> (sequence_number & 31)) & 1:
            return -1
        return (sequence_number - self._offset + self._count_dropped(sequence_number, age)) & self._mask

    def _advance(self, sequence_number: int, step: int) -> None:
        # the bits of the inputs that become known now may hold what was there 1024 inputs ago
        if step >= 1024:
            for position in range(32):
                self._dropped[position] = 0
        else:
            for position in range(step):
                self._clear((sequence_number - position) & 1023)
        self.max_input = sequence_number
        self._history = min(self._history + step, self._max_history)

    def _clear(self, position: int) -> None:
        self._dropped[position >> 5] &= ~(1 << (position & 31))

    def _count_dropped(self, after: int, age: int) -> int:
        count = 0
        for position in range(1, age + 1):
            count += (self._dropped[((after + position) & 1023) >> 5] >> ((after + position) & 31)) & 1
        return count
