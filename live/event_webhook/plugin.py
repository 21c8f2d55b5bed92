"""The plugin ``event_webhook``: tells a program of the operator's of each event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.event_webhook.sender import EventSender
from miso.live.event_webhook.settings import EventWebhookSettings
from miso.live.sessions.events import Event
from miso.live.webhooks.poster import Poster
from miso.live.webhooks.signature import read_secret

STOP_S: Final = 3.0
"""So long at the end what waits is still sent."""


class EventWebhookPlugin(Plugin):
    """Sends events where an address is set; else it does nothing.

    Args:
        live: What plugins share.
        settings: Its section.
    """

    name = "event_webhook"
    Settings = EventWebhookSettings

    def __init__(self, live: Live, settings: EventWebhookSettings) -> None:
        self._live = live
        self._settings = settings
        self._sender: EventSender | None = None
        self._collector: _SenderCollector | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begins to listen."""
        settings = self._settings
        if settings.url is None:
            return
        key = None if settings.secret is None else read_secret(settings.secret.get_secret_value())
        poster = Poster(str(settings.url), key, settings.timeout, settings.at_once, self._live.unix_s)
        self._sender = EventSender(poster, settings, self._live.clock)
        self._collector = _SenderCollector(self._sender)
        self._live.metrics.register(self._collector)
        self._unsubscribe = self._live.events.subscribe(self._take)

    async def stop(self) -> None:
        """Sends what waits, for ``STOP_S`` at most."""
        self._unsubscribe()
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.close(STOP_S)
        collector, self._collector = self._collector, None
        if collector is not None:
            self._live.metrics.unregister(collector)

    def _take(self, event: Event) -> None:
        if self._sender is not None and event.kind in self._settings.events:
            self._sender.send(event)


class _SenderCollector(Collector):
    def __init__(self, sender: EventSender) -> None:
        self._sender = sender

    def collect(self) -> Iterable[Metric]:
        sender = self._sender
        yield CounterMetricFamily("miso_live_webhook_events_sent", "Events that the webhook has taken", sender.sent)
        yield CounterMetricFamily(
            "miso_live_webhook_events_dropped", "Events that the webhook was not told of", sender.dropped
        )
        yield CounterMetricFamily(
            "miso_live_webhook_events_failures", "How often the webhook did not take an event", sender.failures
        )
        yield GaugeMetricFamily("miso_live_webhook_events_waiting", "Events that wait for the webhook", sender.waiting)
