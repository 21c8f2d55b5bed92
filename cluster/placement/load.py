"""A worker's load, from its own reports and from who was placed on it since."""

from __future__ import annotations

import math

from miso.cluster.placement.expected import ExpectedLoad
from miso.cluster.placement.settings import DEFAULT_PLACEMENT, PlacementSettings

_SHORTEST_INTERVAL_S = 0.1
"""Reports that follow closer on each other are put together: what happens by chance in a moment says nothing."""
_MOST_TELLING = 10
"""From so many participants on their mean cost is taken for what the next one will cost."""


class LoadMeter:
    """Reckons one worker's load.

    A report has what the worker used and sent since it began; their increase in time is smoothed, so that one burst of
    key frames moves nobody. Whoever was placed and cannot show in it yet is added with an expected cost.

    Attributes:
        cpu: The share of one CPU that the worker uses, 0 to 1.
        packets_per_s: How many packets it sends each second.
    """

    def __init__(self, now_s: float, settings: PlacementSettings = DEFAULT_PLACEMENT) -> None:
        """Makes the meter of a worker that begins now.

        Args:
            now_s: A monotonic clock, in seconds, as in all methods.
            settings: What load 1 is, and how fast reports count.
        """
        self._settings = settings
        self._report: tuple[float, float, int] | None = None
        """When the last report came, its CPU seconds and its packets."""
        self._heard_s = now_s
        self._is_measured = False
        self._expected = ExpectedLoad(settings.settle_s)
        self._participants: set[str] = set()
        self.cpu = 0.0
        self.packets_per_s = 0.0

    def report(self, now_s: float, cpu_s: float, packets: int) -> None:
        """Takes a report. One that is not newer than the last is ignored; one with less is that of a process anew.

        Args:
            now_s: When the worker was asked.
            cpu_s: The seconds of CPU that it has used, user and system.
            packets: The packets that it has sent to all.
        """
        if self._report is None:
            self._heard_s = max(self._heard_s, now_s)
            self._report = now_s, cpu_s, packets
            return
        last_s, last_cpu_s, last_packets = self._report
        interval_s = now_s - last_s
        if interval_s <= 0:
            return
        self._heard_s = now_s
        if cpu_s < last_cpu_s or packets < last_packets:
            self._report = now_s, cpu_s, packets
            return
        if interval_s < _SHORTEST_INTERVAL_S:
            return
        self._report = now_s, cpu_s, packets
        weight = 1.0 - math.exp(-interval_s / self._settings.smoothing_s) if self._is_measured else 1.0
        self._is_measured = True
        self.cpu += weight * (min(1.0, (cpu_s - last_cpu_s) / interval_s) - self.cpu)
        self.packets_per_s += weight * ((packets - last_packets) / interval_s - self.packets_per_s)
        self._expected.reported(now_s)

    def place(self, participant: str, now_s: float, *, sends: bool) -> None:
        """A participant was placed on the worker.

        Args:
            participant: Its id, unique in the worker.
            now_s: When.
            sends: Whether it will send; else it is a viewer.
        """
        cost = self._settings.sender_cost if sends else self._settings.viewer_cost
        settled = len(self._participants) - len(self._expected)
        if settled >= _MOST_TELLING:
            cost = max(cost, self._measured() / settled)
        self._participants.add(participant)
        self._expected.add(participant, cost, now_s)

    def leave(self, participant: str) -> None:
        """A participant is gone; unknown ones are ignored. What it cost leaves with the next reports."""
        self._participants.discard(participant)
        self._expected.remove(participant)

    @property
    def participants(self) -> int:
        """How many were placed on the worker and have not left."""
        return len(self._participants)

    @property
    def load(self) -> float:
        """The share of what the worker can do: 0 and more, 1 and more is too much."""
        return self._measured() + self._expected.total

    def is_stale(self, now_s: float) -> bool:
        """Whether nothing was heard of the worker for so long that its load may be anything."""
        return now_s - self._heard_s > self._settings.stale_s

    def _measured(self) -> float:
        return max(self.cpu, self.packets_per_s / self._settings.full_packets_per_s)
