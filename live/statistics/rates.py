"""How fast sessions go: looked at when somebody asks, and compared with when somebody asked before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from miso.live.sessions.session import Session

SHORTEST_S: Final = 1.0
"""Over less than that no rate is made."""
LONGEST_S: Final = 30.0
"""A look that is older says nothing about now."""


class Rate(NamedTuple):
    """Bytes per second.

    Attributes:
        in_bps: Received; bytes, as Node-Media-Server's ``inBps``.
        out_bps: Sent.
    """

    in_bps: int
    out_bps: int


class _Look(NamedTuple):
    at_s: float
    bytes_of: dict[str, tuple[int, int]]


class Rates:
    """Rates of all sessions.

    Args:
        unix_s: Unix time.
    """

    def __init__(self, unix_s: Callable[[], float]) -> None:
        self._unix_s = unix_s
        self._before: _Look | None = None
        self._latest: _Look | None = None

    def look(self, sessions: Iterable[Session]) -> None:
        """Notes how far they are, unless that was done within the last second."""
        now_s = self._unix_s()
        if self._latest is not None and 0 <= now_s - self._latest.at_s < SHORTEST_S:
            return
        counts = ((session.id, session.counts()) for session in sessions)
        look = _Look(now_s, {id: (count.bytes_in, count.bytes_out) for id, count in counts})
        self._before, self._latest = self._latest, look
        if self._before is not None and not 0 < now_s - self._before.at_s <= LONGEST_S:
            self._before = None

    def of(self, session: Session) -> Rate:
        """Of one: since the look before the latest, or since it was opened if nobody had looked by then."""
        latest = self._latest
        if latest is None or session.id not in latest.bytes_of:
            return Rate(0, 0)
        bytes_in, bytes_out = latest.bytes_of[session.id]
        since_s, in_before, out_before = session.opened_s, 0, 0
        if self._before is not None and session.id in self._before.bytes_of:
            since_s = self._before.at_s
            in_before, out_before = self._before.bytes_of[session.id]
        seconds = max(latest.at_s - since_s, SHORTEST_S)
        return Rate(round((bytes_in - in_before) / seconds), round((bytes_out - out_before) / seconds))
