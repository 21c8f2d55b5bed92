"""What operators see of the RTMP server in Prometheus' format, looked up when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.rtmp.session.events import Ending
from miso.live.rtmp_server.context import Context


class RtmpCollector(Collector):
    """The numbers of one server.

    Args:
        context: What its connections share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        context = self._context
        yield GaugeMetricFamily("miso_live_rtmp_connections", "Open connections", len(context.connections))
        yield GaugeMetricFamily(
            "miso_live_rtmp_beginning", "Those that neither publish nor play yet", len(context.beginning)
        )
        yield CounterMetricFamily(
            "miso_live_rtmp_refused", "Connections closed because there were too many", context.refused
        )
        unbegun = CounterMetricFamily(
            "miso_live_rtmp_unbegun", "Connections that ended before they published or played", labels=["why"]
        )
        for why in Ending:
            unbegun.add_metric([why.value], context.unbegun[why])
        yield unbegun
        yield CounterMetricFamily(
            "miso_live_rtmp_slowed", "Times a publisher that sent too much was read more slowly", context.too_fast
        )
        yield CounterMetricFamily(
            "miso_live_rtmp_failed_logins", "Clients that were not the user they said they were", context.failed_logins
        )
        yield CounterMetricFamily("miso_live_rtmp_failures", "Connections that a bug ended", context.failures)
