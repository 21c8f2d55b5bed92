# cython: language_level=3, annotation_typing=False
"""The association's timers: each runs or not, and has one deadline."""

from __future__ import annotations

from enum import IntEnum

from miso.worker.sctp import enums


class Timer(IntEnum):
    """What an association waits for.

    RFC 9260 names the first three; the others are the delayed SACK, the heartbeat, RFC 6525's, the rest of long work,
    and RFC 8985's probe.
    """

    T1 = enums.TIMER_T1
    T2 = enums.TIMER_T2
    T3 = enums.TIMER_T3
    SACK = enums.TIMER_SACK
    HEARTBEAT = enums.TIMER_HEARTBEAT
    RECONFIG = enums.TIMER_RECONFIG
    REST = enums.TIMER_REST
    PROBE = enums.TIMER_PROBE


class Timers:
    """Deadlines in microseconds on the clock of whoever calls; 0 for a timer that does not run."""

    def __init__(self) -> None:
        self._deadlines = [0] * 8  # TIMER_COUNT: only digits make an array of C, and only the right ones compile

    def start(self, timer: int, deadline_us: int) -> None:
        """Starts it, or starts it again."""
        self._deadlines[timer] = deadline_us

    def stop(self, timer: int) -> None:
        """Does nothing when it does not run."""
        self._deadlines[timer] = 0

    def stop_all(self) -> None:
        """None runs any more."""
        for timer in range(enums.TIMER_COUNT):
            self._deadlines[timer] = 0

    def start_not_before(self, timer: int, deadline_us: int) -> None:
        """Puts the deadline of one that runs off, when it is earlier."""
        if 0 < self._deadlines[timer] < deadline_us:
            self._deadlines[timer] = deadline_us

    def is_running(self, timer: int) -> bool:
        """Whether it has a deadline."""
        return self._deadlines[timer] != 0

    @property
    def next_us(self) -> int | None:
        """The earliest deadline, None when no timer runs."""
        earliest = 0
        for timer in range(enums.TIMER_COUNT):
            deadline = self._deadlines[timer]
            if deadline and (earliest == 0 or deadline < earliest):
                earliest = deadline
        return earliest or None

    def take_expired(self, now_us: int) -> list[Timer]:
        """Stops those whose time has come and gives them."""
        expired = [timer for timer in Timer if 0 < self._deadlines[timer] <= now_us]
        for timer in expired:
            self._deadlines[timer] = 0
        return expired
