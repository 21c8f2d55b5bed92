"""What operators see of HLS in Prometheus' format, looked up when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.hls.packagers import Packagers
from miso.live.hls.service import HlsService


class HlsCollector(Collector):
    """The numbers of one plugin.

    Args:
        service: What answers.
        packagers: What is cut.
    """

    def __init__(self, service: HlsService, packagers: Packagers) -> None:
        self._service = service
        self._packagers = packagers

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        yield GaugeMetricFamily("miso_live_hls_streams", "Streams that are cut into segments", len(self._packagers))
        yield GaugeMetricFamily("miso_live_hls_kept_bytes", "Kept of them as parts", self._packagers.size_bytes)
        yield GaugeMetricFamily("miso_live_hls_waiting", "Requests that wait", self._service.waiting)
        yield CounterMetricFamily("miso_live_hls_refused", "Requests refused at a limit", self._service.refused)
