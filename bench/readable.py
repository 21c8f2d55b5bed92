"""Waits for a socket or pipe, whatever its descriptor's number is: ``select.select`` takes none beyond 1,023."""

from __future__ import annotations

import math
import select
import socket
from typing import IO


def is_readable(source: socket.socket | IO[bytes], seconds: float) -> bool:
    """Whether there is something to read, now or within so many seconds (rounded up to milliseconds)."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(math.ceil(1_000 * seconds)))
