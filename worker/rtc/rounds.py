"""One timer for all that a worker's transports have to do again and again."""

from __future__ import annotations

from typing import Final

from miso.worker.dataplane import Plane, Rounds, Turn
from miso.worker.faults import AFTER_FAULT_US
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Scheduler
from miso.worker.rtc.deliver import deliver

GAP_US: Final = 20_000
"""Between two passes: what is due meanwhile is done together, so that a thousand transports wake a worker 50 times a
second and not 2,000 times."""
PROBE_GAP_US: Final = 1_000
"""The same of probation packets, which are to leave evenly."""
_AT_ONCE_US: Final = 1_000  # more is due than one pass does


class WorkerRounds:
    """Implements ``miso.worker.rtc.context.TurnRounds``."""

    def __init__(self, scheduler: Scheduler, plane: Plane, gap_us: int = GAP_US) -> None:
        """No turn comes yet; between two passes are so many microseconds at least."""
        self._scheduler = scheduler
        self._gap_us = gap_us
        self._rounds = Rounds(plane)
        self._alarm = Alarm(scheduler, self, WorkerRounds._on_alarm)

    def set(self, turn: Turn, delay_us: int) -> None:
        """The turn comes in so many microseconds or a little later, whatever was set before."""
        due_us = self._scheduler.now_us() + delay_us
        self._rounds.set(turn, due_us)
        if self._alarm.due_us is None or due_us < self._alarm.due_us:
            self._alarm.set(delay_us)

    def stop(self, turn: Turn) -> None:
        """It does not come. Idempotent."""
        self._rounds.stop(turn)
        if self._rounds.next_us < 0:
            self._alarm.stop()

    def _on_alarm(self) -> None:
        now_us = self._scheduler.now_us()
        delay_us = AFTER_FAULT_US  # should what follows meet one
        try:
            deliver(self._rounds.run(now_us, self._scheduler.ntp_now()), now_us)
            delay_us = _AT_ONCE_US
        finally:
            next_us = self._rounds.next_us
            if next_us > now_us:
                delay_us = max(next_us - now_us, self._gap_us)
            if next_us >= 0:
                self._alarm.set(delay_us)
