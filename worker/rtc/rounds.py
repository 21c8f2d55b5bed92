"""All that a worker's transports have to do again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from miso.worker.dataplane import Event, Plane, Rounds, Turn
from miso.worker.faults import AFTER_FAULT_US
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Scheduler
from miso.worker.rtc.deliver import deliver

_MOST: Final = 16
"""Turns of one pass: 1 ms, when a worker that has slept finds its memory cold."""
_MOST_PROBES: Final = 64
PROBE_GAP_US: Final = 1_000
"""Between two passes of probation packets: what is due meanwhile is done together."""


class WorkerRounds:
    """What each transport does about once a second. Implements ``miso.worker.rtc.context.TurnRounds``.

    Attributes:
        turns: The turns. Whoever ticks has them looked at, and gives the events to ``on_events``.
    """

    def __init__(self, scheduler: Scheduler, plane: Plane) -> None:
        """No turn comes yet."""
        self._scheduler = scheduler
        self._goes_on = False  # as soon as there is time for it
        self.turns = Rounds(plane, _MOST)

    def set(self, turn: Turn, delay_us: int) -> None:
        """The turn comes at the first tick that is so many microseconds from now, whatever was set before."""
        self.turns.set(turn, self._scheduler.now_us() + delay_us)

    def stop(self, turn: Turn) -> None:
        """It does not come. Idempotent."""
        self.turns.stop(turn)

    def on_events(self, events: Iterable[Event], now_us: int) -> None:
        """A tick brought these; more may be due than one pass does."""
        deliver(events, now_us)
        if 0 <= self.turns.next_us <= now_us and not self._goes_on:  # else each tick of a busy worker would add one
            self._goes_on = True
            self._scheduler.call_soon(self.go_on)

    def go_on(self) -> None:
        """Takes the turns that are due now, when there are any."""
        self._goes_on = False
        now_us = self._scheduler.now_us()
        if 0 <= self.turns.next_us <= now_us:
            self.on_events(self.turns.run(now_us, self._scheduler.ntp_now()), now_us)


class ProbeRounds:
    """Probation packets, which are to leave evenly. Implements ``miso.worker.rtc.context.TurnRounds``."""

    def __init__(self, scheduler: Scheduler, plane: Plane) -> None:
        """No turn comes yet."""
        self._scheduler = scheduler
        self._turns = Rounds(plane, _MOST_PROBES)
        self._alarm = Alarm(scheduler, self, ProbeRounds._on_alarm)

    def set(self, turn: Turn, delay_us: int) -> None:
        """The turn comes in so many microseconds or a little later, whatever was set before."""
        due_us = self._scheduler.now_us() + delay_us
        self._turns.set(turn, due_us)
        if self._alarm.due_us is None or due_us < self._alarm.due_us:
            self._alarm.set(delay_us)

    def stop(self, turn: Turn) -> None:
        """It does not come. Idempotent."""
        self._turns.stop(turn)
        if self._turns.next_us < 0:
            self._alarm.stop()

    def _on_alarm(self) -> None:
        now_us = self._scheduler.now_us()
        delay_us = AFTER_FAULT_US  # should what follows meet one
        try:
            deliver(self._turns.run(now_us, self._scheduler.ntp_now()), now_us)
            delay_us = PROBE_GAP_US
        finally:
            next_us = self._turns.next_us
            if next_us > now_us:
                delay_us = max(next_us - now_us, PROBE_GAP_US)
            if next_us >= 0:
                self._alarm.set(delay_us)
