"""How much may wait for those who read slowly: for each of them, and for all together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""What waits for all connections together, unless the application says otherwise."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait for a slow reader before its connection is closed with code 1008."""

    messages: int = 10_000
    bytes: int = 16 * 1024 * 1024


class SendQueue:
    """What waits for one connection.

    Attributes:
        messages: How many messages wait.
        bytes: How many bytes, with what its transport has not got rid of.
    """

    def __init__(self, limits: QueueLimits, total: SendQueues, overflow: Callable[[SendQueue], None]) -> None:
        """Makes an empty queue.

        Args:
            limits: Its own.
            total: Where it counts with others.
            overflow: Called when too much waits; the queue must be closed then.
        """
        self.messages = 0
        self.bytes = 0
        self._limits = limits
        self._total = total
        self._overflow = overflow

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self not in self._total.queues

    def waits(self, messages: int, size_bytes: int) -> None:
        """So much waits now. This queue, or the longest of all, overflows when it is too much."""
        self.messages = messages
        self._total.bytes += size_bytes - self.bytes
        self.bytes = size_bytes
        if messages > self._limits.messages or size_bytes > self._limits.bytes:
            self.overflow()
        elif self._total.bytes > self._total.max_bytes:
            max(self._total.queues, key=lambda queue: queue.bytes).overflow()

    def overflow(self) -> None:
        """Too much waits."""
        self._overflow(self)

    def close(self) -> None:
        """Nothing waits any more. Does nothing the second time."""
        if not self.closed:
            self._total.queues.remove(self)
            self._total.bytes -= self.bytes
            self.messages = self.bytes = 0


class SendQueues:
    """What waits for many connections together. When it is too much, the one with most is closed first.

    A message to many waits as often as it has receivers, although it is kept once.

    Attributes:
        bytes: How much waits.
        max_bytes: How much may.
        queues: Those that are open.
    """

    def __init__(self, max_bytes: int = MAX_TOTAL_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.queues: set[SendQueue] = set()

    def open(self, limits: QueueLimits, overflow: Callable[[SendQueue], None]) -> SendQueue:
        """A queue for one more connection."""
        queue = SendQueue(limits, self, overflow)
        self.queues.add(queue)
        return queue
