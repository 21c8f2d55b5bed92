# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Transport-wide congestion control feedback: what arrived, and when, told to the sender every 100 ms.

https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01
"""

from __future__ import annotations

from miso.worker.bwe import enums

# C numbers in the .pxd
_LEAST_US = 90000  # who is asked at every tick of 100 ms is asked a little early at times
_MAX_LATE = 512  # packets
_SOON = 1024  # numbers to report on make it due at once
_MAX_STATUSES = 512  # of a packet, and bytes of its deltas: with the compound's other parts it stays below the MTU
_MAX_DELTA_SIZE = 900
_HEADER_SIZE = 20  # up to the chunks
_MAX_RUN = 8191  # statuses in a chunk of one kind
_NOT_RECEIVED = 0  # status symbols
_SMALL_DELTA = 1
_LARGE_DELTA = 2
_MAX_SMALL = 255  # ticks; of a large delta those of a signed 16-bit number
_MAX_LARGE = 32767
_FEEDBACK = 0x8F  # first byte of an RTCP packet of format 15
_TRANSPORT_FEEDBACK = 205
_ONE_BIT_VECTOR = 0x8000
_TWO_BIT_VECTOR = 0xC000
_ONE_BIT_SYMBOLS = 14  # in a vector
_TWO_BIT_SYMBOLS = 7


class TransportFeedback:
    """Records the transport-wide sequence numbers of one transport's packets, 2048 of them at most.

    Times are told in ticks of 250 µs. A packet that arrives after it was reported missing is reported again, together
    with those after it, when it is at most 512 packets late.

    Attributes:
        media_ssrc: SSRC of the last packet, as the feedback names it.
    """

    def __init__(self) -> None:
        self.media_ssrc = 0
        self._started = False  # a packet has come
        self._pending = False  # there is an arrival to report
        self._begin = 0  # first number of the next feedback, unwrapped
        self._newest = 0  # the highest number that has come, unwrapped
        self._last_feedback_us = -_LEAST_US
        self._feedback_count = 0
        self._arrivals = [-1] * 2048  # ARRIVALS: of each number modulo that when it arrived, µs, -1: it did not

    def on_packet(self, sequence_number: int, arrival_us: int) -> None:
        """Records an arrival; of duplicates the first counts."""
        if not self._started:
            self._started = True
            self._begin = sequence_number + 0x10000  # room below for packets that overtook each other at the start
            self._newest = self._begin - 1
        step = (sequence_number - self._newest) & 0xFFFF
        if step >= 0x8000:
            step -= 0x10000
        number = self._newest + step
        if step > 0:
            self._advance(number)
        elif self._newest - number > _MAX_LATE or self._arrivals[number % enums.ARRIVALS] >= 0:
            return
        self._arrivals[number % enums.ARRIVALS] = arrival_us
        if number < self._begin:
            self._begin = number
        self._pending = True

    def _advance(self, number: int) -> None:
        if number - self._newest >= enums.ARRIVALS:
            # so long a silence or jump is not loss that a sender could use: begin anew
            self._begin = number
            self._newest = number - enums.ARRIVALS
        while self._newest < number:
            self._newest += 1
            self._arrivals[self._newest % enums.ARRIVALS] = -1
        if number - self._begin >= enums.ARRIVALS:
            self._begin = number - enums.ARRIVALS + 1

    def is_due(self, now_us: int) -> bool:
        """Whether ``poll`` would build something."""
        return self._pending and (now_us - self._last_feedback_us >= _LEAST_US or self._newest - self._begin >= _SOON)

    def poll(self, now_us: int, sender_ssrc: int) -> list[bytes]:
        """Builds the feedback that is due.

        Args:
            now_us: the present.
            sender_ssrc: of the RTCP sender.

        Returns:
            RTCP packets (PT 205, FMT 15), each at most 1116 bytes; empty when nothing arrived or the last ones are less
            than 90 ms old.
        """
        packets: list[bytes] = []
        if not self.is_due(now_us):
            return packets
        while self._begin <= self._newest:
            packet = self._build(sender_ssrc)
            if len(packet) == 0:
                break
            packets.append(packet)
        self._begin = self._newest + 1
        self._pending = False
        self._last_feedback_us = now_us
        return packets

    def _build(self, sender_ssrc: int) -> bytes:
        # |V=2|P| FMT=15  |    PT=205     |           length              |
        # |                     SSRC of packet sender                     |
        # |                      SSRC of media source                     |
        # |      base sequence number     |      packet status count      |
        # |                 reference time                | fb pkt. count |
        # |        packet chunks, 16 bits each        |  recv deltas  | 0 |
        first = self._begin
        number = first
        while number <= self._newest and self._arrivals[number % enums.ARRIVALS] < 0:
            number += 1
        if number > self._newest:
            return b""
        end = min(self._newest, number + _MAX_STATUSES - 1)  # what is missing before the first arrival takes one chunk
        reference = self._arrivals[number % enums.ARRIVALS] // enums.TICK_US // enums.REFERENCE_TICKS
        previous = reference * enums.REFERENCE_TICKS
        symbols = bytearray()
        deltas = bytearray()
        used = 0
        number = first
        while number <= end and len(deltas) < _MAX_DELTA_SIZE:
            arrival = self._arrivals[number % enums.ARRIVALS]
            symbol = _NOT_RECEIVED
            if arrival >= 0:
                tick = arrival // enums.TICK_US
                delta = tick - previous
                if delta < -_MAX_LARGE - 1 or delta > _MAX_LARGE:
                    break
                previous = tick
                if 0 <= delta <= _MAX_SMALL:
                    symbol = _SMALL_DELTA
                    deltas.append(delta)
                else:
                    symbol = _LARGE_DELTA
                    deltas.append((delta >> 8) & 255)
                    deltas.append(delta & 255)
            symbols.append(symbol)
            number += 1
            if arrival >= 0:
                used = len(symbols)
        del symbols[used:]  # what is missing after the last arrival may still come
        self._begin = first + used
        body = _encode_chunks(symbols, used) + deltas
        size = _HEADER_SIZE + len(body)
        body += bytes(-size & 3)
        head = bytearray(_HEADER_SIZE)
        head[0] = _FEEDBACK
        head[1] = _TRANSPORT_FEEDBACK
        head[2:4] = ((_HEADER_SIZE + len(body)) // 4 - 1).to_bytes(2, "big")
        head[4:8] = sender_ssrc.to_bytes(4, "big")
        head[8:12] = self.media_ssrc.to_bytes(4, "big")
        head[12:14] = (first & 0xFFFF).to_bytes(2, "big")
        head[14:16] = used.to_bytes(2, "big")
        head[16:19] = (reference & 0xFFFFFF).to_bytes(3, "big")
        head[19] = self._feedback_count
        self._feedback_count = (self._feedback_count + 1) & 255
        return bytes(head + body)


def _encode_chunks(symbols: bytes | bytearray, count: int) -> bytearray:
    # |0| S |       Run Length        |   |1|0|  14 symbols of one bit   |   |1|1|  7 symbols of two bits   |
    chunks = bytearray()
    position = 0
    while position < count:
        symbol = symbols[position]
        run = 1
        while position + run < count and run < _MAX_RUN and symbols[position + run] == symbol:
            run += 1
        end = min(count, position + _ONE_BIT_SYMBOLS)
        has_large = False
        for index in range(position, end):
            if symbols[index] == _LARGE_DELTA:
                has_large = True
        if run >= _ONE_BIT_SYMBOLS or position + run == count or (has_large and run >= _TWO_BIT_SYMBOLS):
            chunk = symbol << 13 | run
            position += run
        elif has_large:
            chunk = _TWO_BIT_VECTOR
            for index in range(position, min(count, position + _TWO_BIT_SYMBOLS)):
                chunk |= symbols[index] << (2 * (_TWO_BIT_SYMBOLS - 1 - (index - position)))
            position += _TWO_BIT_SYMBOLS
        else:
            chunk = _ONE_BIT_VECTOR
            for index in range(position, end):
                chunk |= symbols[index] << (_ONE_BIT_SYMBOLS - 1 - (index - position))
            position += _ONE_BIT_SYMBOLS
        chunks.append(chunk >> 8)
        chunks.append(chunk & 255)
    return chunks
