# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""A fragment that has left: what is known of its fate, and its bytes, as DATA (RFC 9260) or I-DATA (RFC 8260)."""

from __future__ import annotations

from struct import Struct

from miso.worker.sctp import enums
from miso.worker.sctp.sending.send_queue import Message

_DATA = Struct("!BBHIHHI")
_I_DATA = Struct("!BBHIHHII")


class SentChunk:
    """One fragment that has left.

    Attributes:
        tsn: unwrapped.
        message: that it is of.
        start, size: its bytes in the message.
        wire_size: its bytes in a packet without the padding.
        flags: ``FLAG_…``.
        fragment: its number in the message.
        state: ``IN_FLIGHT``, ``GAP_ACKED``, ``LOST`` or ``ABANDONED``; ``Outstanding`` alone changes it.
        sent_us: when it left last.
        transmits: how often it has left.
        missing: how many SACKs reported it missing.
        counts_from: SACKs count that acknowledge this unwrapped TSN or a later one: those that can know of the last
            transmission.
    """

    def __init__(
        self,
        tsn: int,
        message: Message,
        start: int,
        size: int,
        header_size: int,
        flags: int,
        fragment: int,
        sent_us: int,
    ) -> None:
        self.tsn = tsn
        self.message = message
        self.start = start
        self.size = size
        self.wire_size = header_size + size
        self.flags = flags
        self.fragment = fragment
        self.state = enums.IN_FLIGHT
        self.sent_us = sent_us
        self.transmits = 1
        self.missing = 0
        self.counts_from = tsn

    def encode(self, interleaving: bool) -> bytes:
        """The whole chunk with its padding."""
        message = self.message
        tsn = self.tsn & 0xFFFFFFFF
        length = self.wire_size
        if interleaving:
            last = message.ppid if self.flags & enums.FLAG_BEGIN else self.fragment
            header = _I_DATA.pack(enums.I_DATA, self.flags, length, tsn, message.stream_id, 0, message.number, last)
        else:
            header = _DATA.pack(enums.DATA, self.flags, length, tsn, message.stream_id, message.number, message.ppid)
        padding = -length & 3
        data = message.data[self.start : self.start + self.size]
        if padding:
            return b"".join((header, data, bytes(padding)))
        return header + data

    def may_leave_again(self, now_us: int) -> bool:
        """Whether its message's limits allow it (RFC 3758 section 3.1)."""
        message = self.message
        return not message.has_expired(now_us) and not message.is_used_up(self.transmits)
