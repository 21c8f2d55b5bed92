# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Messages that wait to be sent, by stream, and which of them gives the next fragment.

Streams take turns: message by message with DATA, whose fragments must follow each other (RFC 9260 section 6.9),
fragment by fragment with I-DATA (RFC 8260 section 3.2). A message gets its number in the stream when its first fragment
leaves.
"""

from __future__ import annotations

from collections import deque

from miso.worker.sctp import enums


class Message:
    """One message on its way out.

    Attributes:
        stream_id: 0 to 65534.
        ppid: 0 to 2^32-1.
        data: all of it.
        unordered: the receiver delivers it at once.
        max_retransmits: how often a fragment may be sent again, -1 for always.
        expires_us: when it is given up, 0 for never.
        number: SSN or MID; meaningful once ``offset`` is above 0.
        offset: bytes that have left.
        fragment: number of the next fragment.
        abandoned: given up (RFC 3758 section 3.5).
        first_tsn, last_tsn: unwrapped, of the fragments that have left.
    """

    def __init__(self, stream_id: int, ppid: int, data: bytes, unordered: bool, max_retransmits: int, expires_us: int):
        self.stream_id = stream_id
        self.ppid = ppid
        self.data = data
        self.unordered = unordered
        self.max_retransmits = max_retransmits
        self.expires_us = expires_us
        self.number = 0
        self.offset = 0
        self.fragment = 0
        self.abandoned = False
        self.first_tsn = 0
        self.last_tsn = 0

    def has_expired(self, now_us: int) -> bool:
        """Whether it is to be given up for its age."""
        return self.expires_us != 0 and now_us >= self.expires_us

    def is_used_up(self, transmits: int) -> bool:
        """Whether it is to be given up once a fragment that left so often is lost."""
        return 0 <= self.max_retransmits < transmits


class OutboundStream:
    """One stream we send on.

    Attributes:
        messages: those waiting, None for none; the first may have left in part.
        outstanding: fragments that left and are not acknowledged cumulatively.
        is_active: the stream takes turns.
        next_ssn, next_ordered_mid, next_unordered_mid: numbers for the next message, of DATA and of I-DATA.
    """

    def __init__(self) -> None:
        self.messages: deque[Message] | None = None
        self.outstanding = 0
        self.is_active = False
        self.next_ssn = 0
        self.next_ordered_mid = 0
        self.next_unordered_mid = 0


class SendQueue:
    """All streams' waiting messages.

    Streams that a reset was asked for are held: what is queued then waits until it is done.

    Attributes:
        size: bytes that have not left.
        count: messages that have not left completely.
        is_cut: ``head`` gave none, for it had dropped enough at once, and there may be some.
    """

    def __init__(self, interleaving: bool, peer_buffer_size: int) -> None:
        """Makes an empty one; ``peer_buffer_size`` is what the peer can take at all, bytes."""
        self.size = 0
        self.count = 0
        self.is_cut = False
        self._interleaving = interleaving
        self._max_begun = peer_buffer_size // 2  # bytes of messages that have left in part; one may be larger
        self._begun = 0  # such bytes now
        self._streams: dict[int, OutboundStream] = {}
        self._turns: deque[int] = deque()  # ids of the active streams, the next one first
        self._held: dict[int, deque[Message] | None] = {}  # what waits for a stream's reset; None for nothing yet

    def put(self, message: Message) -> None:
        """Queues a message behind those of its stream."""
        self.size += len(message.data)
        self.count += 1
        if self._held and message.stream_id in self._held:
            held = self._held[message.stream_id]
            if held is None:
                held = self._held[message.stream_id] = deque()
            held.append(message)
            return
        stream = self._stream(message.stream_id)
        if stream.messages is None:
            stream.messages = deque()
        stream.messages.append(message)
        self._activate(message.stream_id, stream)

    def head(self, now_us: int) -> Message | None:
        """The message whose fragment is next; those that expired before they left are dropped.

        Whether one that has left in part has expired is for the caller to see.
        """
        left = enums.MAX_DROPPED_AT_ONCE
        self.is_cut = False
        while self._turns:
            stream_id = self._turns[0]
            stream = self._streams[stream_id]
            if not stream.messages:
                stream.messages = None
                stream.is_active = False
                self._turns.popleft()
                continue
            message = stream.messages[0]
            if message.offset == 0 and message.has_expired(now_us):
                if left == 0:
                    self.is_cut = True
                    return None
                left -= 1
                self.drop(message)
                continue
            return message
        return None

    def has_messages(self) -> bool:
        """Whether a stream has something to send."""
        return len(self._turns) > 0

    def take(self, message: Message, size: int, tsn: int) -> int:
        """Moves ``size`` bytes of the ``head`` out, as the fragment with this unwrapped TSN.

        Returns:
            Its B, E and U flags.
        """
        stream = self._streams[message.stream_id]
        messages = stream.messages
        assert messages is not None
        flags = enums.FLAG_UNORDERED if message.unordered else 0
        if message.offset == 0:
            self._begun += len(message.data)
            flags |= enums.FLAG_BEGIN
            message.first_tsn = tsn
            self._number(stream, message)
        message.last_tsn = tsn
        message.offset += size
        message.fragment += 1
        stream.outstanding += 1
        self.size -= size
        is_last = message.offset == len(message.data)
        if is_last:
            flags |= enums.FLAG_END
            self.count -= 1
            self._begun -= len(message.data)
            messages.popleft()
        if is_last or (self._interleaving and self._may_take_turns()):
            self._turns.popleft()
            if messages:
                self._turns.append(message.stream_id)
            else:
                stream.messages = None
                stream.is_active = False
        return flags

    def drop(self, message: Message) -> int:
        """Takes the rest of a stream's first message away.

        Returns:
            How many bytes that were, 0 when it has left completely. If it has left in part, an empty last fragment
            counts as outstanding: without a TSN of its own the rest could not be skipped once all that left is
            acknowledged.
        """
        rest = len(message.data) - message.offset
        if rest:
            self.size -= rest
            self.count -= 1
            stream = self._streams[message.stream_id]
            messages = stream.messages
            assert messages is not None
            messages.popleft()
            if message.offset:
                self._begun -= len(message.data)
                stream.outstanding += 1
        return rest

    def on_gone(self, stream_id: int) -> None:
        """A fragment was acknowledged cumulatively, or skipped."""
        stream = self._streams[stream_id]
        stream.outstanding -= 1

    def hold(self, stream_id: int) -> None:
        """What is queued on the stream from now on waits for its reset."""
        if stream_id not in self._held:
            self._held[stream_id] = None

    def is_drained(self, stream_id: int) -> bool:
        """Whether all that was queued before ``hold`` has been acknowledged."""
        stream = self._streams.get(stream_id)
        return stream is None or (not stream.messages and stream.outstanding == 0)

    def release(self, stream_id: int, was_reset: bool) -> None:
        """Ends ``hold``; after a reset the numbering begins anew."""
        held = self._held.pop(stream_id, None)
        stream = self._streams.get(stream_id)
        if stream is not None and was_reset:
            stream.next_ssn = 0
            stream.next_ordered_mid = 0
            stream.next_unordered_mid = 0
            if not stream.messages and not stream.outstanding and not stream.is_active:
                del self._streams[stream_id]
        if held:
            stream = self._stream(stream_id)
            stream.messages = held
            self._activate(stream_id, stream)

    def stream_ids(self) -> list[int]:
        """The streams that have been used since their last reset."""
        return list(self._streams)

    def _may_take_turns(self) -> bool:
        """Whether the stream behind the first may have its turn; not with a message that would be one too many.

        What the peer can not finish fills its receive buffer: when too much is begun, it can take nothing any more.
        """
        if len(self._turns) < 2:
            return True
        messages = self._streams[self._turns[1]].messages
        if not messages:
            return True
        message = messages[0]
        return message.offset > 0 or self._begun + len(message.data) <= self._max_begun

    def _number(self, stream: OutboundStream, message: Message) -> None:
        if self._interleaving:
            if message.unordered:
                message.number = stream.next_unordered_mid
                stream.next_unordered_mid = (message.number + 1) & 0xFFFFFFFF
            else:
                message.number = stream.next_ordered_mid
                stream.next_ordered_mid = (message.number + 1) & 0xFFFFFFFF
        elif not message.unordered:
            message.number = stream.next_ssn
            stream.next_ssn = (message.number + 1) & 0xFFFF

    def _activate(self, stream_id: int, stream: OutboundStream) -> None:
        if not stream.is_active:
            stream.is_active = True
            self._turns.append(stream_id)

    def _stream(self, stream_id: int) -> OutboundStream:
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = OutboundStream()
            self._streams[stream_id] = stream
        return stream
