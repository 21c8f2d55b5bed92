"""Notices when one of several streams or layers that are sent together stops, and when it comes back.

A sender drops a layer without a word when its bandwidth or its CPU does not suffice. What others receive then stands
still until they are given another layer, so it must not take long to notice; but a camera that sends a picture a second
has not stopped. Hence a stream has ended when the others went on without it several times, or when it was silent for
long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Scheduler

TICK_US = 200_000
_MISSES = 3  # ticks in which the others went on, and it did not


@dataclass(slots=True)
class _Watched:
    alive: bool = True
    packets: int = 0
    misses: int = 0
    heard_us: int = 0


class ActivityWatch:
    """Watches packet counters while there is something to watch."""

    def __init__(
        self,
        scheduler: Scheduler,
        counters: Callable[[], Sequence[int | None]],
        on_change: Callable[[int, bool], None],
        silence_us: int | None,
    ) -> None:
        """Watches nothing yet.

        Args:
            scheduler: Time.
            counters: How many packets came of each stream so far, None of one that there is not yet.
            on_change: Called with a stream's place among the counters, and whether it is alive now.
            silence_us: How long all may be silent and count as alive; None: for ever.
        """
        self._scheduler = scheduler
        self._counters = counters
        self._on_change = on_change
        self._silence_us = silence_us
        self._watched: dict[int, _Watched] = {}
        self._looked_us = 0
        self._tick = Alarm(scheduler, self, ActivityWatch._on_tick)

    def is_alive(self, index: int) -> bool:
        """Whether packets of the stream come; as long as nothing else is known, they do."""
        watched = self._watched.get(index)
        return watched is None or watched.alive

    def start(self) -> None:
        """Watches from now on: silence until now counts for nothing. No effect while it watches."""
        if self._tick.is_set:
            return
        self._looked_us = self._scheduler.now_us()
        for index, packets in enumerate(self._counters()):
            watched = self._watched.get(index)
            if watched is not None:
                watched.packets, watched.misses, watched.heard_us = packets or 0, 0, self._looked_us
        self._tick.set(TICK_US)

    def stop(self) -> None:
        """Watches no more; what was alive stays so."""
        self._tick.stop()

    def _on_tick(self) -> None:
        if self._scheduler.stood_until_us() > self._looked_us:
            self.start()  # what came meanwhile is not read yet
            return
        self._tick.set(TICK_US)
        now_us = self._looked_us = self._scheduler.now_us()
        counters = [(index, packets) for index, packets in enumerate(self._counters()) if packets is not None]
        went_on = False
        for index, packets in counters:
            watched = self._watched.setdefault(index, _Watched(packets=-1, heard_us=now_us))
            if packets != watched.packets:
                watched.packets, watched.misses, watched.heard_us = packets, 0, now_us
                went_on = True
        for index, _ in counters:
            self._judge(index, self._watched[index], went_on, now_us)

    def _judge(self, index: int, watched: _Watched, went_on: bool, now_us: int) -> None:
        silent_us = now_us - watched.heard_us
        if silent_us and went_on:
            watched.misses += 1
        long_silent = self._silence_us is not None and silent_us >= self._silence_us
        alive = not silent_us or (watched.alive and watched.misses < _MISSES and not long_silent)
        if alive != watched.alive:
            watched.alive = alive
            self._on_change(index, alive)
