"""Whether a connection is read: it is not while anything speaks against it."""

from __future__ import annotations

import asyncio
from enum import Enum, auto


class Obstacle(Enum):
    """What speaks against reading.

    WAITING: A decision is to be made, and much waits for it.
    NOT_READ: The client does not read what it is answered.
    TOO_FAST: It sends more than it may.
    """

    WAITING = auto()
    NOT_READ = auto()
    TOO_FAST = auto()


class Reading:
    """Pauses and resumes a transport.

    Args:
        transport: The connection's.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._obstacles: set[Obstacle] = set()

    def set(self, obstacle: Obstacle, is_there: bool) -> None:
        """Something speaks against it, or does so no more."""
        before = bool(self._obstacles)
        if is_there:
            self._obstacles.add(obstacle)
        else:
            self._obstacles.discard(obstacle)
        now = bool(self._obstacles)
        if now == before or self._transport.is_closing():
            return
        if now:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
