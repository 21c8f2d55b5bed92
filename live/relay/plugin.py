"""The plugin "relay": which streams come from other servers, and which go to them."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.relay.failed_pulls import FailedPulls
from miso.live.relay.pull import Pull
from miso.live.relay.push import Push
from miso.live.relay.relay import Direction, Relay, RelayState, Route
from miso.live.relay.retry_pause import BackOff
from miso.live.relay.settings import RelaySettings
from miso.live.sessions.session import Role
from miso.live.streams.stream import Stream

logger = logging.getLogger(__name__)

CHECK_S: Final = 1.0
"""So often it is looked whether a relay that waits may begin, and whether somebody still plays what was asked for."""


class RelayPlugin(Plugin):
    """Runs the relays of the settings, and those that players bring about.

    Iterating over it gives its relays.

    Args:
        live: What plugins share.
        settings: Its section.
        chance: Gives numbers from 0 up to 1, for the length of pauses.
    """

    name: ClassVar[str] = "relay"
    Settings: ClassVar[type[RelaySettings]] = RelaySettings

    def __init__(self, live: Live, settings: RelaySettings, chance: Callable[[], float] = random.random) -> None:
        self._live = live
        self._settings = settings
        self._chance = chance
        self._tls = ssl.create_default_context()
        self._static: list[Relay] = []
        self._on_demand: dict[str, Relay] = {}
        self._failed = FailedPulls(self._make_back_off)
        self._played_s: dict[str, float] = {}  # when the streams of these were last seen to be played
        self._collector: _RelayCollector | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self.refused = 0
        self.failures = 0  # of relays that are gone

    def __iter__(self) -> Iterator[Relay]:
        return iter([*self._static, *self._on_demand.values()])

    async def start(self) -> None:
        """Begins with what the settings say.

        Raises:
            OSError: The file of authorities is of no use.
        """
        settings = self._settings
        if settings.tls_ca is not None:
            self._tls = ssl.create_default_context(cafile=str(settings.tls_ca))
        self._collector = _RelayCollector(self)
        self._live.metrics.register(self._collector)
        if settings.origins:
            self._unsubscribe = self._live.streams.on_wanted(self._on_wanted)
        for direction, static in ((Direction.PULL, settings.pull), (Direction.PUSH, settings.push)):
            for one in static:
                self._static.append(self._begin(Route(direction, one.stream, one.target(), lasts=True)))

    async def run(self) -> None:
        """Wakes relays that wait, and ends those whose players are gone."""
        while True:
            await asyncio.sleep(CHECK_S)
            now_s = self._live.clock.time()
            for relay in self:
                relay.wake()
            for path, relay in list(self._on_demand.items()):
                if self._is_played(path):
                    self._played_s[path] = now_s
                elif now_s - self._played_s[path] > self._settings.idle:
                    logger.info("relay %s: nobody plays it any more", relay.route)
                    await relay.stop()

    async def stop(self) -> None:
        """Ends all relays."""
        self._unsubscribe()
        self._unsubscribe = lambda: None
        static, self._static = self._static, []
        await asyncio.gather(*(relay.stop() for relay in [*static, *self._on_demand.values()]))
        collector, self._collector = self._collector, None
        if collector is not None:
            self._live.metrics.unregister(collector)

    def _begin(self, route: Route) -> Relay:
        settings = self._settings
        carrier = (Pull if route.direction is Direction.PULL else Push)(route.path, self._live.streams)
        relay = Relay(route, carrier, self._live, self._make_back_off(), settings.timeout, self._tls)
        relay.start(self._ended)
        return relay

    def _make_back_off(self) -> BackOff:
        return BackOff(self._settings.first_pause, self._settings.longest_pause, self._chance)

    def _ended(self, relay: Relay) -> None:
        path = relay.route.path
        if self._on_demand.get(path) is relay:
            if relay.has_carried:
                self._failed.forget(path)
            elif relay.failures:
                self._failed.add(path, self._live.clock.time())
            del self._on_demand[path]
            del self._played_s[path]
            self.failures += relay.failures

    def _on_wanted(self, stream: Stream) -> None:
        """Somebody plays what nobody publishes."""
        path = stream.path
        if path in self._on_demand or any(relay.route.path == path for relay in self._static if _is_pull(relay)):
            return
        if self._failed.rests(path, self._live.clock.time()):
            return
        url = next((url for origin in self._settings.origins if (url := origin.target(path)) is not None), None)
        if url is None:
            return
        running = len(self._static) + len(self._on_demand)
        if running >= self._settings.max_relays:
            self.refused += 1
            logger.info("stream=%s is not pulled: there are %d relays, more are not allowed", path, running)
            return
        self._played_s[path] = self._live.clock.time()
        self._on_demand[path] = self._begin(Route(Direction.PULL, path, url, lasts=False))

    def _is_played(self, path: str) -> bool:
        return any(session.role is Role.PLAYER for session in self._live.sessions.of(path))


def _is_pull(relay: Relay) -> bool:
    return relay.route.direction is Direction.PULL


class _RelayCollector(Collector):
    def __init__(self, plugin: RelayPlugin) -> None:
        self._plugin = plugin

    def collect(self) -> Iterable[Metric]:
        states = Counter((relay.route.direction, relay.state) for relay in self._plugin)
        relays = GaugeMetricFamily("miso_live_relays", "Relays by state", labels=["direction", "state"])
        for direction in Direction:
            for state in RelayState:
                relays.add_metric([direction.value, state.value], states[direction, state])
        yield relays
        failures = self._plugin.failures + sum(relay.failures for relay in self._plugin)
        yield CounterMetricFamily(
            "miso_live_relay_failures", "How often relays did not come to carry, or ended", failures
        )
        yield CounterMetricFamily(
            "miso_live_relays_refused", "Streams not pulled: too many relays", self._plugin.refused
        )
