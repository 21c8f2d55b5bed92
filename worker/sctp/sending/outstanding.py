# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""What is outstanding: chunks that have left and are not acknowledged cumulatively, and all that is counted of them.

::

    send ──► IN_FLIGHT ──── gap_ack ───► GAP_ACKED
              │  ▲   ▲                     │    ▲
            lose │   └───── take_back ─────┘    │
              ▼  send_again                     │
             LOST ────────── gap_ack ───────────┘

    from all of them: abandon ──► ABANDONED, and at last acknowledge_first, which forgets the chunk
"""

from __future__ import annotations

from miso.worker.sctp import enums
from miso.worker.sctp.sending.sent_chunk import SentChunk

_FORGOTTEN_AT_ONCE = 64  # places of acknowledged chunks that the list keeps at least


class Outstanding:
    """The chunks in the order of their TSNs, which follow each other; no state of a chunk changes but here.

    Attributes:
        next_tsn: of the next chunk to be sent, unwrapped.
        cumulative: all up to this one are acknowledged, unwrapped.
        advanced: all up to this one are acknowledged or abandoned, unwrapped: Advanced.Peer.Ack.Point of RFC 3758.
        flight: bytes of the chunks in flight, their headers included.
        size: bytes of messages in the chunks that are not abandoned.
        gap_acked, lost: how many chunks are.
    """

    def __init__(self, initial_tsn: int) -> None:
        self.next_tsn = (1 << 32) + initial_tsn
        self.cumulative = self.next_tsn - 1
        self.advanced = self.cumulative
        self.flight = 0
        self.size = 0
        self.gap_acked = 0
        self.lost = 0
        self._chunks: list[SentChunk] = []
        self._head = 0  # place of the first one in the list; those before it are acknowledged
        self._lost_from = 0  # no chunk before this TSN is lost

    def count(self) -> int:
        """How many chunks there are."""
        return len(self._chunks) - self._head

    def chunk(self, index: int) -> SentChunk:
        """One of them, from 0 to ``count`` - 1."""
        return self._chunks[self._head + index]

    def index_of(self, tsn: int) -> int:
        """Where the chunk with an unwrapped TSN stands; 0 for one that is acknowledged."""
        return tsn - self.cumulative - 1 if tsn > self.cumulative else 0

    def first_lost(self) -> int:
        """Where the first lost chunk stands; there must be one."""
        index = self.index_of(self._lost_from)
        while self.chunk(index).state != enums.LOST:
            index += 1
        self._lost_from = self.cumulative + 1 + index
        return index

    # ------------------------------------------------------------------ what happens to a chunk

    def send(self, chunk: SentChunk) -> None:
        """A chunk with ``next_tsn`` leaves for the first time."""
        self._chunks.append(chunk)
        self.next_tsn += 1
        self.flight += chunk.wire_size
        self.size += chunk.size

    def send_again(self, chunk: SentChunk, now_us: int) -> None:
        """A lost chunk leaves."""
        self.lost -= 1
        self.flight += chunk.wire_size
        chunk.state = enums.IN_FLIGHT
        self.repeat(chunk, now_us)

    def repeat(self, chunk: SentChunk, now_us: int) -> None:
        """A chunk leaves that is in flight."""
        chunk.sent_us = now_us
        chunk.transmits += 1
        chunk.counts_from = self.next_tsn

    def gap_ack(self, chunk: SentChunk) -> None:
        """A gap block of a SACK acknowledges a chunk that is in flight or lost."""
        if chunk.state == enums.LOST:
            self.lost -= 1
        else:
            self.flight -= chunk.wire_size
        chunk.state = enums.GAP_ACKED
        self.gap_acked += 1

    def take_back(self, chunk: SentChunk) -> None:
        """No gap block acknowledges any more what one did."""
        chunk.state = enums.IN_FLIGHT
        self.gap_acked -= 1
        self.flight += chunk.wire_size

    def lose(self, chunk: SentChunk) -> None:
        """A chunk in flight is to be sent again."""
        chunk.missing = 0
        chunk.state = enums.LOST
        self.flight -= chunk.wire_size
        self.lost += 1
        if self.lost == 1 or chunk.tsn < self._lost_from:
            self._lost_from = chunk.tsn

    def abandon(self, chunk: SentChunk) -> None:
        """A chunk is to be skipped."""
        self._leave(chunk)
        chunk.state = enums.ABANDONED

    def add_abandoned(self, chunk: SentChunk) -> None:
        """A chunk with ``next_tsn`` that never leaves: it is skipped from the beginning."""
        chunk.state = enums.ABANDONED
        self._chunks.append(chunk)
        self.next_tsn += 1

    def acknowledge_first(self) -> SentChunk:
        """Gives the first chunk, which is acknowledged cumulatively, and forgets it."""
        chunk = self._chunks[self._head]
        self._head += 1
        self.cumulative += 1
        self._leave(chunk)
        if self._head > _FORGOTTEN_AT_ONCE and 2 * self._head > len(self._chunks):
            del self._chunks[: self._head]
            self._head = 0
        return chunk

    def _leave(self, chunk: SentChunk) -> None:
        """It does not count any more as what it was."""
        if chunk.state == enums.ABANDONED:
            return
        self.size -= chunk.size
        if chunk.state == enums.IN_FLIGHT:
            self.flight -= chunk.wire_size
        elif chunk.state == enums.GAP_ACKED:
            self.gap_acked -= 1
        else:
            self.lost -= 1

    def advance(self) -> bool:
        """Moves ``advanced`` over what is abandoned (RFC 3758 section 3.5 C2); tells if there is something to skip."""
        if self.advanced < self.cumulative:
            self.advanced = self.cumulative
        index = self.advanced - self.cumulative
        while index < self.count() and self.chunk(index).state == enums.ABANDONED:
            index += 1
        self.advanced = self.cumulative + index
        return self.advanced > self.cumulative
