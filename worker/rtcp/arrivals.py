# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Reads chunks and deltas of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

Work and result are bounded by the packet's size: a run of missing packets is one step, each arrival has its bytes.
"""

from __future__ import annotations

OK = 0  # C numbers in the .pxd
CUT = 1
NO_STATUS = 2
CHUNK_CUT = 3
EMPTY_RUN = 4
RESERVED_SYMBOL = 5
DELTA_CUT = 6
TOO_MANY = 7

PROBLEMS = (
    "",
    "RTCP transport-wide feedback has {have} bytes, expected at least 16",
    "RTCP transport-wide feedback has no status",
    "RTCP transport-wide chunk is cut: have {have} bytes",
    "RTCP transport-wide run length is 0",
    "RTCP transport-wide status symbol is 3, expected 0 to 2",
    "RTCP transport-wide deltas are cut: have {have} bytes",
    "RTCP transport-wide feedback has more than 2048 arrivals",
)

_MAX_ARRIVALS = 2048
_HEADER_SIZE = 16  # of the body up to the chunks
_NOT_RECEIVED = 0  # status symbols
_SMALL_DELTA = 1
_RESERVED = 3
_VECTOR = 0x8000  # bits of a chunk
_TWO_BITS = 0x4000
_RUN_LENGTH = 0x1FFF
_VECTOR_BITS = 14
_REFERENCE_TICKS = 256  # 64 ms


class ArrivalReader:
    """Holds what the last packet that was read tells.

    Attributes:
        base_sequence: first transport-wide sequence number reported on.
        status_count: how many numbers are.
        feedback_count: of this packet, modulo 256.
        count: arrivals, at most 2048.
    """

    def __init__(self) -> None:
        self.base_sequence = 0
        self.status_count = 0
        self.feedback_count = 0
        self.count = 0
        self._positions = [0] * 2048  # _MAX_ARRIVALS, here and below
        self._ticks = [0] * 2048
        self._symbols = [0] * 2048

    def position(self, index: int) -> int:
        """Where an arrival stands, counted from ``base_sequence``; ascending."""
        return self._positions[index]

    def tick(self, index: int) -> int:
        """When it arrived: the receiver's time in units of 250 µs, a signed 24-bit clock of 64 ms plus the deltas."""
        return self._ticks[index]

    def read(self, body: bytes, size: int) -> int:
        """Reads a packet's body, ``size`` bytes after the RTCP header.

        Returns:
            ``OK``, or which of ``PROBLEMS`` it has: then the attributes mean nothing.
        """
        self.count = 0
        if size < _HEADER_SIZE:
            return CUT
        self.base_sequence = body[8] << 8 | body[9]
        self.status_count = body[10] << 8 | body[11]
        self.feedback_count = body[15]
        if self.status_count == 0:
            return NO_STATUS
        offset = self._read_chunks(body, size)
        if offset < 0:
            return -offset
        return self._read_deltas(body, size, offset)

    def _read_chunks(self, body: bytes, size: int) -> int:
        offset = _HEADER_SIZE
        position = 0
        while position < self.status_count:
            if offset + 2 > size:
                return -CHUNK_CUT
            chunk = body[offset] << 8 | body[offset + 1]
            offset += 2
            if chunk & _VECTOR == 0:  # |0| S |       Run Length        |
                problem = self._add_run(position, chunk, size - offset)
                position += chunk & _RUN_LENGTH
            else:
                problem = self._add_vector(position, chunk)
                position += _VECTOR_BITS // 2 if chunk & _TWO_BITS else _VECTOR_BITS
            if problem != OK:
                return -problem
        return offset

    def _add_run(self, position: int, chunk: int, left: int) -> int:
        symbol = chunk >> 13 & 3
        run = chunk & _RUN_LENGTH
        if run == 0:
            return EMPTY_RUN
        if symbol == _NOT_RECEIVED:
            return OK
        if symbol == _RESERVED:
            return RESERVED_SYMBOL
        if run > self.status_count - position:
            run = self.status_count - position
        if self.count + run > left:  # each has at least a byte
            return DELTA_CUT
        if self.count + run > _MAX_ARRIVALS:
            return TOO_MANY
        for index in range(run):
            self._positions[self.count] = position + index
            self._symbols[self.count] = symbol
            self.count += 1
        return OK

    def _add_vector(self, position: int, chunk: int) -> int:
        # |1|0|  14 symbols of one bit   |   |1|1|  7 symbols of two bits   |
        bits = 2 if chunk & _TWO_BITS else 1
        mask = 3 if bits == 2 else 1
        run = _VECTOR_BITS // bits
        if run > self.status_count - position:
            run = self.status_count - position
        for index in range(run):
            symbol = chunk >> (_VECTOR_BITS - bits * (index + 1)) & mask
            if symbol == _RESERVED:
                return RESERVED_SYMBOL
            if symbol != _NOT_RECEIVED:
                if self.count == _MAX_ARRIVALS:
                    return TOO_MANY
                self._positions[self.count] = position + index
                self._symbols[self.count] = symbol
                self.count += 1
        return OK

    def _read_deltas(self, body: bytes, size: int, offset: int) -> int:
        reference = body[12] << 16 | body[13] << 8 | body[14]
        if reference >= 0x800000:
            reference -= 0x1000000
        tick = reference * _REFERENCE_TICKS
        for index in range(self.count):
            symbol = self._symbols[index]
            if offset + symbol > size:
                return DELTA_CUT
            if symbol == _SMALL_DELTA:
                delta = body[offset] & 255
            else:
                delta = body[offset] << 8 | body[offset + 1]
                if delta >= 0x8000:
                    delta -= 0x10000
            offset += symbol  # one byte for a small delta, two for a large one
            tick += delta
            self._ticks[index] = tick
        return OK
