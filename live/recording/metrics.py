"""What operators see of recordings in Prometheus' format, looked up when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.recording.recorder import Recorder
from miso.live.recording.recording import State

_GOING_ON = (State.WAITING, State.RECORDING, State.FINISHING)


class RecordingCollector(Collector):
    """The numbers of one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        running = self._recorder.running
        states = Counter(recording.state for recording in running)
        recordings = GaugeMetricFamily("miso_live_recordings", "Recordings that go on, by state", labels=["state"])
        for state in _GOING_ON:
            recordings.add_metric([state.value], states[state])
        yield recordings
        yield CounterMetricFamily("miso_live_recordings_failed", "Recordings that ended early", self._recorder.failures)
        written = self._recorder.ended_bytes + sum(recording.size_bytes for recording in running)
        yield CounterMetricFamily("miso_live_recorded_bytes", "Written by recordings", written)
