# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""A fragment that has left: what is known of its fate, and its bytes, as DATA (RFC 9260) or I-DATA (RFC 8260)."""

from __future__ import annotations

from struct import Struct

from miso.worker.sctp.sending.send_queue import Message

# States
IN_FLIGHT = 0
ACKED = 1  # by a gap block, so it may still be taken back
LOST = 2  # to be sent again
ABANDONED = 3

_DATA = Struct("!BBHIHHI")
_I_DATA = Struct("!BBHIHHII")


class SentChunk:
    """One fragment that has left.

    Attributes:
        tsn: unwrapped.
        message: that it is of.
        start, size: its bytes in the message.
        flags: I, B, E and U.
        fragment: its number in the message.
        state: one of the above.
        sent_us: when it left last.
        transmits: how often it has left.
        missing: how many SACKs reported it missing.
        counts_from: SACKs count that acknowledge this unwrapped TSN or a later one: those that can know of the last
        transmission.
    """

    def __init__(
        self, tsn: int, message: Message, start: int, size: int, flags: int, fragment: int, sent_us: int
    ) -> None:
        self.tsn = tsn
        self.message = message
        self.start = start
        self.size = size
        self.flags = flags
        self.fragment = fragment
        self.state = 0
        self.sent_us = sent_us
        self.transmits = 1
        self.missing = 0
        self.counts_from = tsn

    def encode(self, interleaving: bool) -> bytes:
        """The whole chunk with its padding."""
        message = self.message
        tsn = self.tsn & 0xFFFFFFFF
        length = (20 if interleaving else 16) + self.size
        if interleaving:
            last = message.ppid if self.flags & 2 else self.fragment
            header = _I_DATA.pack(64, self.flags, length, tsn, message.stream_id, 0, message.number, last)
        else:
            header = _DATA.pack(0, self.flags, length, tsn, message.stream_id, message.number, message.ppid)
        padding = -length & 3
        data = message.data[self.start : self.start + self.size]
        if padding:
            return b"".join((header, data, bytes(padding)))
        return header + data

    def may_leave_again(self, now_us: int) -> bool:
        """Whether its message's limits allow it (RFC 3758 section 3.1)."""
        message = self.message
        if message.expires_us and now_us >= message.expires_us:
            return False
        return message.max_retransmits < 0 or self.transmits <= message.max_retransmits
