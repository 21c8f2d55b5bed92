"""What operators see of the live side in Prometheus' format, looked up when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.access.gate import Gate
from miso.live.sessions.events import Events
from miso.live.sessions.sessions import Sessions
from miso.live.streams.memory import Memory
from miso.live.streams.registry import Streams
from miso.live.streams.stream import State


class FailuresCollector(Collector):
    """How often plugins have failed.

    Args:
        failures: By the plugin's name.
    """

    def __init__(self, failures: Mapping[str, int]) -> None:
        self._failures = failures

    def collect(self) -> Iterable[Metric]:
        """One number for each that has failed."""
        counted = CounterMetricFamily("miso_live_plugin_failures", "How often a plugin has failed", labels=["plugin"])
        for name, count in self._failures.items():
            counted.add_metric([name], count)
        yield counted


class LiveCollector(Collector):
    """The numbers of one live side.

    Args:
        streams, memory, sessions, gate, events: As :class:`miso.live.engine.services.Live` has them.
    """

    def __init__(self, streams: Streams, memory: Memory, sessions: Sessions, gate: Gate, events: Events) -> None:
        self._streams = streams
        self._memory = memory
        self._sessions = sessions
        self._gate = gate
        self._events = events

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        yield from self._of_streams()
        yield from self._of_sessions()
        yield from self._of_refusals()
        yield CounterMetricFamily("miso_live_events_dropped", "Events nobody was told of", self._events.dropped)
        yield CounterMetricFamily("miso_live_events_failed", "Bugs of who is told of events", self._events.failures)

    def _of_streams(self) -> Iterable[Metric]:
        states = Counter(stream.state for stream in self._streams)
        streams = GaugeMetricFamily("miso_live_streams", "Live streams by state", labels=["state"])
        for state in State:
            if state is not State.CLOSED:
                streams.add_metric([state.value], states[state])
        yield streams
        yield CounterMetricFamily(
            "miso_live_streams_displaced", "Ended unpublished, for a publisher's sake", self._streams.displaced
        )

        yield GaugeMetricFamily("miso_live_kept_bytes", "Kept of all streams for players", self._memory.used_bytes)
        yield CounterMetricFamily(
            "miso_live_kept_too_much", "Packets dropped because streams kept too much", self._memory.dropped_packets
        )

    def _of_sessions(self) -> Iterable[Metric]:
        now = Counter((session.protocol, session.role) for session in self._sessions if session.started_s is not None)
        current = GaugeMetricFamily("miso_live_sessions", "Who publishes and plays", labels=["protocol", "role"])
        received = CounterMetricFamily("miso_live_received_bytes", "From sessions", labels=["protocol", "role"])
        sent = CounterMetricFamily("miso_live_sent_bytes", "To sessions", labels=["protocol", "role"])
        dropped = CounterMetricFamily(
            "miso_live_dropped_packets", "Not sent to those who read too slowly", labels=["protocol", "role"]
        )
        for (protocol, role), counts in self._sessions.totals().items():
            labels = [protocol, role.value]
            current.add_metric(labels, now[protocol, role])
            received.add_metric(labels, counts.bytes_in)
            sent.add_metric(labels, counts.bytes_out)
            dropped.add_metric(labels, counts.dropped_packets)
        yield from (current, received, sent, dropped)
        ended = CounterMetricFamily(
            "miso_live_sessions_ended", "Sessions that are over, by why", labels=["protocol", "role", "reason"]
        )
        for (protocol, role, reason), count in self._sessions.endings.items():
            ended.add_metric([protocol, role.value, reason.value], count)
        yield ended

    def _of_refusals(self) -> Iterable[Metric]:
        refused = CounterMetricFamily("miso_live_sessions_refused", "Refused at a limit", labels=["role"])
        for role, count in self._sessions.refused.items():
            refused.add_metric([role.value], count)
        yield refused
        denied = CounterMetricFamily("miso_live_denied", "Sent away by token or webhook", labels=["action"])
        for action, count in self._gate.denied.items():
            denied.add_metric([action.value], count)
        yield denied
        yield CounterMetricFamily(
            "miso_live_passwords_refused",
            "Passwords not looked at: too many wrong ones came from their address",
            self._gate.wrong_passwords.refused,
        )
        if self._gate.webhook is not None:
            yield CounterMetricFamily(
                "miso_live_webhook_unanswered",
                "Questions that the access webhook did not answer",
                self._gate.webhook.unanswered,
            )
            yield CounterMetricFamily(
                "miso_live_webhook_crowded",
                "Sent away because of their address, about which too many questions to the access webhook wait",
                self._gate.webhook.crowded,
            )
