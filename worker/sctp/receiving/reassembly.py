# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Messages out of chunks: whole ones are handed out at once, or in the order of their stream.

RFC 9260 sections 6.5 to 6.9.

A stream's state is made when its first message comes, and is a number until one has to wait. What waits is charged to
the receive buffer with what it takes in memory, tables included, so that a million tiny fragments do not pass for a
megabyte.

One chunk may be what thousands of messages waited for. They are handed out in slices, so that a packet costs little
whatever it sets free; until its turn comes, a message stays where it waited, and is charged.
"""

from __future__ import annotations

from collections import deque

from miso.worker.sctp import enums
from miso.worker.sctp.events import MessageReceived
from miso.worker.sctp.receiving.fragments import PartialMessage, Runs

# What keeping something costs beside its bytes, measured with tracemalloc.
WAITING_OVERHEAD = 160  # a message that waits for its turn
TABLE_OVERHEAD = 240  # a stream's table of such messages, or of those that are not whole


class InboundStream:
    """One stream the peer sends on.

    Attributes:
        next: the SSN or MID that is delivered next.
        is_draining: some of what waits has its turn, and is handed out slice by slice.
        floor: all before it was skipped by the peer; those that came and are not handed out yet are in ``skipped``.
        skipped: their numbers, the next one last.
        waiting: messages that came too early, by their number; None stands for one given up for its size.
        ordered_parts, unordered_parts: I-DATA messages that are not whole, by their MID.

    A table that would be empty is None.
    """

    def __init__(self) -> None:
        self.next = 0
        self.is_draining = False
        self.floor = 0
        self.skipped: list[int] | None = None
        self.waiting: dict[int, tuple[int, bytes] | None] | None = None
        self.ordered_parts: dict[int, PartialMessage] | None = None
        self.unordered_parts: dict[int, PartialMessage] | None = None

    def is_waiting(self, number: int) -> bool:
        """Whether this message has come and waits."""
        return self.waiting is not None and number in self.waiting

    def charged(self) -> int:
        """What all that waits here counts for in the receive buffer, bytes."""
        charged = 0
        if self.waiting is not None:
            charged += TABLE_OVERHEAD
            for message in self.waiting.values():
                charged += WAITING_OVERHEAD + (0 if message is None else len(message[1]))
        for parts in (self.ordered_parts, self.unordered_parts):
            if parts is not None:
                charged += TABLE_OVERHEAD
                for part in parts.values():
                    charged += part.charged
        return charged


class Reassembly:
    """All that has come and was not delivered."""

    def __init__(self, max_message_size: int, interleaving: bool) -> None:
        self._max_message_size = max_message_size
        self._mask = 0xFFFFFFFF if interleaving else 0xFFFF  # of a MID, or an SSN
        self._streams: dict[int, InboundStream] = {}
        self._runs = Runs(max_message_size)
        self._charged = 0  # what all but the runs counts for in the receive buffer, bytes
        self._messages: list[MessageReceived] = []
        self._draining: deque[int] = deque()  # ids of the streams with something that has its turn

    def buffered(self) -> int:
        """What is kept, in bytes with its overhead."""
        return self._charged + self._runs.charged

    def has_more(self) -> bool:
        """Whether ``take_messages`` will give more without anything else coming."""
        return len(self._draining) != 0

    def is_draining(self, stream_ids: list[int] | None) -> bool:
        """Whether that is so for one of these streams, None for any."""
        if stream_ids is None:
            return self.has_more()
        return not set(stream_ids).isdisjoint(self._draining)

    def take_messages(self) -> list[MessageReceived]:
        """Those delivered since the last call, and a slice of those that waited for one of them."""
        left = enums.SLICE
        while left > 0 and self._draining:
            left -= self._drain(self._draining[0], left)
        messages = self._messages
        if messages:
            self._messages = []
        return messages

    def add_data(self, tsn: int, stream_id: int, ssn: int, flags: int, ppid: int, data: bytes) -> None:
        """A DATA chunk that had not come before."""
        unordered = flags & enums.FLAG_UNORDERED != 0
        if flags & enums.FLAG_WHOLE == enums.FLAG_WHOLE:
            if len(data) > self._max_message_size:
                self._deliver(stream_id, ssn, unordered, ppid, None)
            else:
                self._deliver(stream_id, ssn, unordered, ppid, data)
            return
        begins = flags & enums.FLAG_BEGIN != 0
        ends = flags & enums.FLAG_END != 0
        run = self._runs.add(tsn, stream_id, ssn, unordered, begins, ends, ppid, data)
        if run is not None:
            whole = None if run.oversize else b"".join(run.parts)
            self._deliver(stream_id, run.sequence, unordered, run.ppid, whole)

    def add_interleaved(self, stream_id: int, mid: int, flags: int, ppid: int, fragment: int, data: bytes) -> None:
        """An I-DATA chunk that had not come before; ``ppid`` counts in the first fragment only."""
        unordered = flags & enums.FLAG_UNORDERED != 0
        if flags & enums.FLAG_WHOLE == enums.FLAG_WHOLE:
            if len(data) > self._max_message_size:
                self._deliver(stream_id, mid, unordered, ppid, None)
            else:
                self._deliver(stream_id, mid, unordered, ppid, data)
            return
        stream = self._stream(stream_id)
        if not unordered and self._is_old(stream, mid):
            return
        message = self._part(stream, unordered, mid)
        if flags & enums.FLAG_BEGIN:
            message.ppid = ppid
            fragment = 0
        self._charged += message.add(fragment, flags & enums.FLAG_END != 0, data)
        if message.size > self._max_message_size and not message.oversize:
            self._charged -= message.give_up()
        if message.is_whole():
            self._forget_part(stream, unordered, mid)
            self._deliver(stream_id, mid, unordered, message.ppid, message.join())

    def drop_skipped(self, tsns: list[int], before: int, cumulative: int) -> None:
        """TSNs from ``before`` to ``cumulative`` were skipped, and of them ``tsns`` had come."""
        self._runs.drop_skipped(tsns, before, cumulative)

    def skip(self, stream_id: int, number: int, unordered: bool) -> None:
        """The stream's messages up to this number will not be sent any more; those that came whole are delivered."""
        stream = self._stream(stream_id)
        parts = stream.unordered_parts if unordered else stream.ordered_parts
        if parts:
            for mid in list(parts):
                if (number - mid) & self._mask <= self._mask >> 1:
                    self._forget_part(stream, unordered, mid)
        if unordered or self._is_old(stream, number):
            return
        stream.floor = (number + 1) & self._mask
        stream.skipped = self._early(stream, number)
        if stream.skipped is None:
            stream.next = stream.floor
        if stream.skipped is not None or stream.is_waiting(stream.next):
            self._start_draining(stream_id, stream)

    def reset(self, stream_ids: list[int] | None) -> list[int]:
        """Streams begin anew at number 0, without what was waiting in them; None for all there are. Gives their ids.

        What has its turn in them is lost, so ``is_draining`` should be asked before.
        """
        ids = sorted(self._streams) if stream_ids is None else stream_ids
        for stream_id in ids:
            stream = self._streams.pop(stream_id, None)
            if stream is not None:
                self._charged -= stream.charged()
        if len(self._runs):
            self._runs.drop_streams(None if stream_ids is None else set(ids))
        return ids

    def _early(self, stream: InboundStream, number: int) -> list[int] | None:
        """What waits up to a number, the next one last; it costs as many steps as there are numbers, or messages."""
        waiting = stream.waiting
        if waiting is None:
            return None
        first = stream.next
        steps = ((number - first) & self._mask) + 1
        if steps <= len(waiting):
            early = [step for step in range(steps - 1, -1, -1) if (first + step) & self._mask in waiting]
        else:
            distances = [(other - first) & self._mask for other in waiting]
            early = sorted([step for step in distances if step < steps], reverse=True)
        return [(first + step) & self._mask for step in early] or None

    def _part(self, stream: InboundStream, unordered: bool, mid: int) -> PartialMessage:
        """An I-DATA message of which a fragment came."""
        parts = stream.unordered_parts if unordered else stream.ordered_parts
        if parts is None:
            parts = {}
            self._charged += TABLE_OVERHEAD
            if unordered:
                stream.unordered_parts = parts
            else:
                stream.ordered_parts = parts
        message = parts.get(mid)
        if message is None:
            message = PartialMessage()
            parts[mid] = message
            self._charged += message.charged
        return message

    def _forget_part(self, stream: InboundStream, unordered: bool, mid: int) -> None:
        parts = stream.unordered_parts if unordered else stream.ordered_parts
        assert parts is not None
        message = parts.pop(mid)
        self._charged -= message.charged
        if not parts:
            self._charged -= TABLE_OVERHEAD
            if unordered:
                stream.unordered_parts = None
            else:
                stream.ordered_parts = None

    def _deliver(self, stream_id: int, number: int, unordered: bool, ppid: int, data: bytes | None) -> None:
        if unordered:
            self._emit(stream_id, ppid, data)
            return
        stream = self._stream(stream_id)
        if number == stream.next and not stream.is_draining:
            self._emit(stream_id, ppid, data)
            stream.next = (number + 1) & self._mask
            stream.floor = stream.next
            if stream.waiting is not None and stream.next in stream.waiting:
                self._start_draining(stream_id, stream)
        elif not self._is_old(stream, number) and not stream.is_waiting(number):
            if stream.waiting is None:
                stream.waiting = {}
                self._charged += TABLE_OVERHEAD
            stream.waiting[number] = None if data is None else (ppid, data)
            self._charged += WAITING_OVERHEAD + (0 if data is None else len(data))

    def _start_draining(self, stream_id: int, stream: InboundStream) -> None:
        if not stream.is_draining:
            stream.is_draining = True
            self._draining.append(stream_id)

    def _drain(self, stream_id: int, limit: int) -> int:
        """Hands out at most so many of the stream that is first in line, and says how many."""
        stream = self._stream(stream_id)
        count = 0
        while count < limit:
            if stream.skipped:
                number = stream.skipped.pop()
            elif stream.is_waiting(stream.next):
                number = stream.next
            else:
                stream.is_draining = False
                self._draining.popleft()
                break
            self._hand_out(stream_id, stream, number)
            count += 1
            stream.next = (number + 1) & self._mask
            if stream.skipped:
                continue
            stream.skipped = None
            if self._is_old(stream, stream.next):
                stream.next = stream.floor
            else:
                stream.floor = stream.next
        return count

    def _hand_out(self, stream_id: int, stream: InboundStream, number: int) -> None:
        waiting = stream.waiting
        assert waiting is not None
        message = waiting.pop(number)
        self._charged -= WAITING_OVERHEAD
        if not waiting:
            stream.waiting = None
            self._charged -= TABLE_OVERHEAD
        if message is None:
            self._emit(stream_id, 0, None)
            return
        ppid, data = message
        self._charged -= len(data)
        self._emit(stream_id, ppid, data)

    def _emit(self, stream_id: int, ppid: int, data: bytes | None) -> None:
        """None stands for a message that is thrown away for its size."""
        if data is not None:
            self._messages.append(MessageReceived(stream_id, ppid, data))

    def _stream(self, stream_id: int) -> InboundStream:
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = InboundStream()
            self._streams[stream_id] = stream
        return stream

    def _is_old(self, stream: InboundStream, number: int) -> bool:
        return ((number - stream.floor) & self._mask) > (self._mask >> 1)
