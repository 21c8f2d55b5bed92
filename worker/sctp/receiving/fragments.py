# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Fragments of messages until they are whole: by TSN for DATA, by message and fragment number for I-DATA.

A fragment of DATA belongs to the message whose other fragments have the TSNs next to it (RFC 9260 section 6.9).
Neighbours are joined into runs as they come, found by a run's first and last TSN, so that no fragment costs a search
whatever its order. A message that outgrows the limit is given up: its runs go on being tracked, without their bytes.
"""

from __future__ import annotations

# What keeping something costs beside its bytes, measured with tracemalloc.
RUN_OVERHEAD = 352  # the run, its list, its places in two tables
FRAGMENT_OVERHEAD = 64  # a fragment in a run
PARTIAL_OVERHEAD = 352  # an I-DATA message, its table, its place in the stream's
NUMBERED_OVERHEAD = 112  # a fragment in it


class Run:
    """Fragments of one message whose TSNs follow each other.

    Attributes:
        stream_id, sequence, unordered, ppid: of the message.
        first, last: unwrapped TSNs.
        begins, ends: whether the message's first, its last fragment is in.
        size: bytes of the fragments.
        charged: what they count for in the receive buffer.
        oversize: the bytes were thrown away, for the message is larger than allowed.
        parts: the bytes, in order.
    """

    def __init__(self, tsn: int, stream_id: int, sequence: int, unordered: bool, ppid: int) -> None:
        self.first = tsn
        self.last = tsn
        self.stream_id = stream_id
        self.sequence = sequence
        self.unordered = unordered
        self.ppid = ppid
        self.begins = False
        self.ends = False
        self.size = 0
        self.charged = 0
        self.oversize = False
        self.parts: list[bytes] = []

    def belongs_to(self, stream_id: int, sequence: int, unordered: bool) -> bool:
        """Whether a neighbouring fragment can be of the same message; unordered ones have no sequence number."""
        if self.stream_id != stream_id or self.unordered != unordered:
            return False
        return unordered or self.sequence == sequence


class Runs:
    """All runs of an association.

    Attributes:
        charged: what all of them count for in the receive buffer, bytes.
    """

    def __init__(self, max_message_size: int) -> None:
        self.charged = 0
        self._max_message_size = max_message_size
        self._by_first: dict[int, Run] = {}
        self._by_last: dict[int, Run] = {}

    def __len__(self) -> int:
        return len(self._by_first)

    def add(
        self, tsn: int, stream_id: int, sequence: int, unordered: bool, begins: bool, ends: bool, ppid: int, data: bytes
    ) -> Run | None:
        """Takes a fragment whose TSN has not come before, and gives the message's run when that made it whole."""
        run = Run(tsn, stream_id, sequence, unordered, ppid)
        run.begins = begins
        run.ends = ends
        run.size = len(data)
        run.charged = len(data) + RUN_OVERHEAD + FRAGMENT_OVERHEAD
        run.parts.append(data)
        self.charged += run.charged
        if not begins:
            before = self._by_last.get(tsn - 1)
            if before is not None and not before.ends and before.belongs_to(stream_id, sequence, unordered):
                run = self._join(before, run)
        if not ends:
            after = self._by_first.get(tsn + 1)
            if after is not None and not after.begins and after.belongs_to(stream_id, sequence, unordered):
                run = self._join(run, after)
        if run.size > self._max_message_size:
            run.oversize = True
        if run.oversize:
            self.charged -= run.charged - RUN_OVERHEAD
            run.charged = RUN_OVERHEAD
            run.parts.clear()
        if run.begins and run.ends:
            self._forget(run)
            return run
        self._by_first[run.first] = run
        self._by_last[run.last] = run
        return None

    def drop_skipped(self, tsns: list[int], before: int, cumulative: int) -> None:
        """Throws away what can not become whole any more.

        Args:
            tsns: the fragments that had come among those skipped.
            before: the cumulative TSN before.
            cumulative: and now. A run that begins its message and reaches to here or beyond is kept: it misses nothing.
        """
        if not self._by_first:
            return
        self._drop_if_cut(self._by_last.get(before), cumulative)
        for tsn in tsns:
            self._drop_if_cut(self._by_last.get(tsn), cumulative)
            self._drop_if_cut(self._by_first.get(tsn), cumulative)

    def drop_streams(self, stream_ids: set[int] | None) -> None:
        """Throws away the runs of some streams, or of all."""
        for run in list(self._by_first.values()):
            if stream_ids is None or run.stream_id in stream_ids:
                self._forget(run)

    def _drop_if_cut(self, run: Run | None, cumulative: int) -> None:
        if run is not None and (run.last < cumulative or not run.begins):
            self._forget(run)

    def _join(self, left: Run, right: Run) -> Run:
        """The shorter of the two lists is moved; what it is put before is no longer than the window of TSNs."""
        self._by_first.pop(left.first, None)
        self._by_last.pop(left.last, None)
        self._by_first.pop(right.first, None)
        self._by_last.pop(right.last, None)
        if len(left.parts) >= len(right.parts):
            left.parts.extend(right.parts)
        else:
            right.parts[:0] = left.parts
            left.parts = right.parts
        left.last = right.last
        left.ends = right.ends
        left.size += right.size
        left.charged += right.charged - RUN_OVERHEAD
        self.charged -= RUN_OVERHEAD
        left.oversize = left.oversize or right.oversize
        return left

    def _forget(self, run: Run) -> None:
        self._by_first.pop(run.first, None)
        self._by_last.pop(run.last, None)
        self.charged -= run.charged


class PartialMessage:
    """Fragments of one I-DATA message by their numbers (RFC 8260 section 2.1).

    Attributes:
        ppid: of the message; it stands in the first fragment.
        size: bytes of the fragments.
        charged: what all of it counts for in the receive buffer, from the beginning on.
        oversize: the bytes were thrown away, for the message is larger than allowed.
    """

    def __init__(self) -> None:
        self.ppid = 0
        self.count = 0
        self.last_fragment = -1
        self.size = 0
        self.charged = PARTIAL_OVERHEAD
        self.oversize = False
        self.fragments: dict[int, bytes] = {}

    def add(self, number: int, ends: bool, data: bytes) -> int:
        """Takes a fragment; gives what it counts for in the receive buffer: nothing for one that is not wanted."""
        if number in self.fragments or (self.last_fragment >= 0 and (ends or number > self.last_fragment)):
            return 0
        self.count += 1
        self.size += len(data)
        if ends:
            self.last_fragment = number
        if self.oversize:
            return 0
        self.fragments[number] = data
        self.charged += len(data) + NUMBERED_OVERHEAD
        return len(data) + NUMBERED_OVERHEAD

    def give_up(self) -> int:
        """Throws the bytes away and gives what counts less for that; fragments go on being counted."""
        charged = self.charged - PARTIAL_OVERHEAD
        self.charged = PARTIAL_OVERHEAD
        self.oversize = True
        self.fragments.clear()
        return charged

    def is_whole(self) -> bool:
        """Whether all numbers from 0 to the last have come."""
        return self.last_fragment >= 0 and self.count == self.last_fragment + 1

    def join(self) -> bytes | None:
        """The message's bytes, None for one that was given up or whose numbers do not fit."""
        if self.oversize:
            return None
        parts = [self.fragments.get(number) for number in range(self.count)]
        if None in parts:
            return None
        return b"".join(parts)  # type: ignore[arg-type]
