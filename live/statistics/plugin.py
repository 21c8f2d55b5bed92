"""The plugin ``statistics``: what operators see of the live side, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.operators.operators import Operators
from miso.live.statistics.api import StatisticsApi
from miso.live.statistics.page import page_routes
from miso.live.statistics.server_sent_events import Listeners
from miso.live.statistics.settings import StatisticsSettings


class StatisticsPlugin(Plugin):
    """Adds the operators' API and their page.

    Args:
        live: What plugins share.
        settings: Its section.
    """

    name: ClassVar[str] = "statistics"
    Settings: ClassVar[type[StatisticsSettings]] = StatisticsSettings

    def __init__(self, live: Live, settings: StatisticsSettings) -> None:
        self._live = live
        self._api = StatisticsApi(live, settings)
        self._undo: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Answers from now on."""
        metrics, collector = self._live.metrics, _ApiCollector(self._api.listeners, self._live.operators)
        self._api.history.begin(self._live.events)
        metrics.register(collector)
        self._undo = [
            self._live.web.add([*self._api.routes, *page_routes()]),
            self._api.listeners.close,
            self._api.history.end,
            lambda: metrics.unregister(collector),
        ]

    async def stop(self) -> None:
        """Answers no more, and lets listeners go."""
        undo, self._undo = self._undo, []
        for step in undo:
            step()


class _ApiCollector(Collector):
    def __init__(self, listeners: Listeners, operators: Operators) -> None:
        self._listeners = listeners
        self._operators = operators

    def collect(self) -> Iterable[Metric]:
        refused = CounterMetricFamily(
            "miso_live_operators_refused", "Requests of who is no operator", labels=["status"]
        )
        for status, count in self._operators.refused.items():
            refused.add_metric([str(status)], count)
        yield refused
        listening, missed = self._listeners.listening, self._listeners.missed
        yield GaugeMetricFamily("miso_live_event_listeners", "Who listens to events", listening)
        yield CounterMetricFamily("miso_live_listeners_missed_events", "Not told to those who read too slowly", missed)
