"""What operators see at ``/metrics``, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.controller.types import LoopDelays
from miso.protoo.message_exchange import MALFORMED, TOO_SLOW_READERS
from miso.protoo.pacing.paced_transport import REFUSED


class Snapshot(Protocol):
    """Where the numbers come from that are looked up when somebody asks."""

    def gauges(self) -> dict[str, tuple[str, float]]:
        """Name → what it is, and how much there is of it now."""

    def worker_deaths(self) -> int:
        """How many workers have died."""

    def worker_dropped(self) -> dict[str, int]:
        """Kind → how many packets of peers workers have dropped, being more than a peer may send."""

    def worker_faults(self) -> int:
        """How many bugs workers have met that cost one packet, timer or request."""

    def worker_delays(self) -> dict[int, LoopDelays]:
        """How long media waits for each worker's event loop, by the worker's number."""


class Metrics:
    """Counters of what happened, and gauges of what is.

    Attributes:
        requests: Signaling requests by method and result: accepted, rejected, or failed by a fault of ours.
        broadcaster_requests: Requests of broadcasters, by the status of the answer.
        refusals: What was not done because a limit was reached, by limit.
        stalled_transports: Transports that waited too long for their client, by what was missing.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._others: list[CollectorRegistry] = []
        ProcessCollector(registry=self._registry)  # CPU, memory and descriptors of this process
        self.requests = Counter("miso_requests", "Signaling requests", ["method", "result"], registry=self._registry)
        self.stalled_transports = Counter(
            "miso_stalled_transports", "Transports that wait for their client", ["missing"], registry=self._registry
        )
        self.broadcaster_requests = Counter(
            "miso_broadcaster_requests", "HTTP requests of broadcasters", ["status"], registry=self._registry
        )
        self.refusals = Counter("miso_refusals", "Refused because of a limit", ["limit"], registry=self._registry)

    def show(self, snapshot: Snapshot) -> None:
        """Adds the numbers of the running server."""
        self._registry.register(_SnapshotCollector(snapshot))

    def text(self) -> bytes:
        """All of it."""
        return b"".join(generate_latest(registry) for registry in (self._registry, *self._others))

    def add(self, registry: CollectorRegistry) -> None:
        """Shows the numbers of a registry of others, too, from now on."""
        self._others.append(registry)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        for name, (documentation, value) in self._snapshot.gauges().items():
            yield GaugeMetricFamily(name, documentation, value)
        closed = CounterMetricFamily("miso_websockets_closed", "Closed with 1008, by why", labels=["why"])
        closed.add_metric(["sent too much"], REFUSED.total)
        closed.add_metric(["read too slowly"], TOO_SLOW_READERS.total)
        yield closed
        yield CounterMetricFamily("miso_malformed_messages", "Frames without a protoo message", MALFORMED.total)
        yield CounterMetricFamily("miso_worker_deaths", "Workers that died", self._snapshot.worker_deaths())
        dropped = CounterMetricFamily(
            "miso_worker_dropped", "Packets beyond what a peer may ask of a worker", labels=["kind"]
        )
        for kind, count in self._snapshot.worker_dropped().items():
            dropped.add_metric([kind], count)
        yield dropped
        yield CounterMetricFamily(
            "miso_worker_faults", "Bugs that cost one packet, timer or request", self._snapshot.worker_faults()
        )
        delays = HistogramMetricFamily(
            "miso_worker_loop_delay_seconds", "How long what is due waits for a worker's event loop", labels=["worker"]
        )
        for worker, delay in self._snapshot.worker_delays().items():
            delays.add_metric([str(worker)], _buckets(delay), delay.sum_us / 1e6)
        yield delays


def _buckets(delay: LoopDelays) -> list[tuple[str, float]]:
    """Prometheus' buckets: each counts those below it, too."""
    bounds = [*(str(bound_us / 1e6) for bound_us in delay.bounds_us), "+Inf"]
    return list(zip(bounds, accumulate(delay.counts), strict=True))
