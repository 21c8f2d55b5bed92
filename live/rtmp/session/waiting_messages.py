"""Messages of a client that wait until it is decided what becomes of it."""

from __future__ import annotations

from collections import deque

from miso.live.errors import ParseError
from miso.live.rtmp.messages import Message


class WaitingMessages:
    """In the order in which they came.

    Args:
        most: So many may wait.
        most_bytes: Of them together.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._messages: deque[Message] = deque()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_half_full(self) -> bool:
        """Whether so much waits that no more should be read."""
        return self._size_bytes * 2 > self._most_bytes

    def put(self, message: Message) -> None:
        """One more.

        Raises:
            ParseError: It is one too many.
        """
        self._messages.append(message)
        self._size_bytes += len(message.body)
        if self._size_bytes > self._most_bytes or len(self._messages) > self._most:
            raise ParseError(
                f"RTMP client sent {len(self._messages)} messages, {self._size_bytes} bytes, before it was answered"
            )

    def take(self) -> Message:
        """The oldest."""
        message = self._messages.popleft()
        self._size_bytes -= len(message.body)
        return message

    def clear(self) -> None:
        """Forgets them."""
        self._messages.clear()
        self._size_bytes = 0
