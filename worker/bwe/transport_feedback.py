# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Transport-wide congestion control feedback: what arrived, and when, told to the sender every 100 ms.

https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01
"""

from __future__ import annotations

# A packet ends before 512 statuses or 1100 bytes: with the compound's other parts it stays below the MTU.


class TransportFeedback:
    """Records the transport-wide sequence numbers of one transport's packets, 2048 of them at most.

    Times are told in ticks of 250 µs. A packet that arrives after it was reported missing is reported again, together
    with those after it, when it is at most 512 packets late.

    Attributes:
        media_ssrc: SSRC of the last packet, as the feedback names it.
    """

    def __init__(self) -> None:
        self.media_ssrc = 0
        self._started = False
        self._pending = False
        self._begin = 0  # first number of the next feedback, unwrapped
        self._newest = 0
        self._last_feedback_us = -100000
        self._feedback_count = 0
        self._arrivals = [-1] * 2048

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
        elif self._newest - number > 512 or self._arrivals[number & 2047] >= 0:
            return
        self._arrivals[number & 2047] = arrival_us
        if number < self._begin:
            self._begin = number
        self._pending = True

    def _advance(self, number: int) -> None:
        if number - self._newest >= 2048:
            # so long a silence or jump is not loss that a sender could use: begin anew
            self._begin = number
            self._newest = number - 2048
        while self._newest < number:
            self._newest += 1
            self._arrivals[self._newest & 2047] = -1
        if number - self._begin >= 2048:
            self._begin = number - 2047

    def is_due(self, now_us: int) -> bool:
        """Whether ``poll`` would build something."""
        return self._pending and (now_us - self._last_feedback_us >= 100000 or self._newest - self._begin >= 1024)

    def poll(self, now_us: int, sender_ssrc: int) -> list[bytes]:
        """Builds the feedback that is due.

        Args:
            now_us: the present.
            sender_ssrc: of the RTCP sender.

        Returns:
            RTCP packets (PT 205, FMT 15), each at most 1116 bytes; empty when nothing arrived or the last ones are less
            than 100 ms old.
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
        while number <= self._newest and self._arrivals[number & 2047] < 0:
            number += 1
        if number > self._newest:
            return b""
        end = min(self._newest, number + 511)  # what is missing before the first arrival takes one chunk
        reference = (self._arrivals[number & 2047] // 250) >> 8  # 64 ms
        previous = reference << 8
        symbols = bytearray()
        deltas = bytearray()
        used = 0
        number = first
        while number <= end and len(deltas) < 900:
            arrival = self._arrivals[number & 2047]
            symbol = 0
            if arrival >= 0:
                tick = arrival // 250
                delta = tick - previous
                if delta < -32768 or delta > 32767:
                    break
                previous = tick
                if delta >= 0 and delta <= 255:
                    symbol = 1
                    deltas.append(delta)
                else:
                    symbol = 2
                    deltas.append((delta >> 8) & 255)
                    deltas.append(delta & 255)
            symbols.append(symbol)
            number += 1
            if arrival >= 0:
                used = len(symbols)
        del symbols[used:]  # what is missing after the last arrival may still come
        self._begin = first + used
        body = _encode_chunks(symbols, used) + deltas
        size = 20 + len(body)
        body += bytes(-size & 3)
        head = bytearray(20)
        head[0] = 0x8F
        head[1] = 205
        head[2:4] = ((20 + len(body)) // 4 - 1).to_bytes(2, "big")
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
        while position + run < count and run < 8191 and symbols[position + run] == symbol:
            run += 1
        end = min(count, position + 14)
        has_large = False
        for index in range(position, end):
            if symbols[index] == 2:
                has_large = True
        if run >= 14 or position + run == count or (has_large and run >= 7):
            chunk = symbol << 13 | run
            position += run
        elif has_large:
            chunk = 0xC000
            for index in range(position, min(count, position + 7)):
                chunk |= symbols[index] << (2 * (6 - (index - position)))
            position += 7
        else:
            chunk = 0x8000
            for index in range(position, end):
                chunk |= symbols[index] << (13 - (index - position))
            position += 14
        chunks.append(chunk >> 8)
        chunks.append(chunk & 255)
    return chunks
