"""The plugin "relay": which streams come from other servers, and which go to them."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.errors import LimitError, StreamBusyError
from miso.live.relay.dialing import Dialer
from miso.live.relay.failed_pulls import FailedPulls
from miso.live.relay.pull import Pull
from miso.live.relay.push import Push
from miso.live.relay.relay import Direction, Relay, RelayState, Route, WantedBy
from miso.live.relay.retry_pause import BackOff
from miso.live.relay.routes import relay_routes
from miso.live.relay.settings import RelaySettings
from miso.live.sessions.places import Places
from miso.live.sessions.session import Role
from miso.live.streams.stream import Stream
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

CHECK_S: Final = 1.0
"""So often it is looked whether a relay that waits may begin, and whether somebody still plays what was asked for."""
MAX_ENDED: Final = 100
"""Relays of settings and operators that have ended of themselves and are still listed, for their reason."""


class RelayPlugin(Plugin):
    """Runs the relays of the settings, and those that operators and players bring about.

    Iterating over it gives its relays, without those that have ended.

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
        self._dialer = Dialer(settings.timeout, ssl.create_default_context())
        self._lasting: list[Relay] = []  # of settings and operators
        self._over: deque[Relay] = deque(maxlen=MAX_ENDED)
        self._on_demand: dict[str, Relay] = {}
        self._failed = FailedPulls(self._make_back_off)
        self._unseen = Places("streams that origins are asked for", 0, settings.max_unseen_per_address)
        self._give_back: dict[str, Callable[[], None]] = {}  # places of streams that have not come
        self._played_s: dict[str, float] = {}  # when the streams of these were last seen to be played
        self._collector: _RelayCollector | None = None
        self._undo: list[Callable[[], None]] = []
        self._refusals = LogRateLimit(logger, "a stream was not pulled", logging.INFO)
        self.refused = 0
        self.failures = 0  # of relays that are gone

    def __iter__(self) -> Iterator[Relay]:
        return iter([*self._lasting, *self._on_demand.values()])

    async def start(self) -> None:
        """Begins with what the settings say.

        Raises:
            OSError: The file of authorities is of no use.
        """
        settings = self._settings
        if settings.tls_ca is not None:
            self._dialer = Dialer(settings.timeout, ssl.create_default_context(cafile=str(settings.tls_ca)))
        self._collector = _RelayCollector(self)
        self._live.metrics.register(self._collector)
        if settings.origins:
            self._undo.append(self._live.streams.on_wanted(self._on_wanted))
        self._undo.append(self._live.web.add(relay_routes(self, self._live.operators.check)))
        for direction, static in ((Direction.PULL, settings.pull), (Direction.PUSH, settings.push)):
            for one in static:
                self.begin(Route(direction, one.stream, one.target(), WantedBy.SETTINGS))

    async def run(self) -> None:
        """Wakes relays that wait, and ends those whose players are gone."""
        while True:
            await asyncio.sleep(CHECK_S)
            now_s = self._live.clock.time()
            for relay in self:
                relay.wake()
            for path, relay in list(self._on_demand.items()):
                if relay.has_carried:
                    self._has_come(path)
                if self._is_played(path):
                    self._played_s[path] = now_s
                elif now_s - self._played_s[path] > self._settings.idle:
                    logger.info("relay %s: nobody plays it any more", relay.route)
                    await relay.stop()

    async def stop(self) -> None:
        """Ends all relays."""
        undo, self._undo = self._undo, []
        for step in undo:
            step()
        await asyncio.gather(*(self.end(relay) for relay in self))
        self._dialer.close()
        collector, self._collector = self._collector, None
        if collector is not None:
            self._live.metrics.unregister(collector)

    def begin(self, route: Route, first_pause_s: float | None = None) -> Relay:
        """A relay more. One that is there already is given as it is.

        Args:
            route: What goes where.
            first_pause_s: Before it is tried again after a failure; None: as the settings say.

        Raises:
            StreamBusyError: The stream is pulled from elsewhere.
            LimitError: There are too many.
        """
        for relay in self._lasting:
            if (relay.route.direction, relay.route.path, relay.route.url) == (route.direction, route.path, route.url):
                return relay
        if route.direction is Direction.PULL and any(_is_pull(one) and one.route.path == route.path for one in self):
            raise StreamBusyError(f"{route.path} is pulled from another server already")
        self._check_room()
        relay = self._start(route, first_pause_s)
        self._lasting.append(relay)
        for over in [one for one in self._over if one.route.url == route.url and one.route.path == route.path]:
            self._over.remove(over)
        return relay

    def ended(self) -> list[Relay]:
        """Relays of settings and operators that have ended of themselves, the latest ones."""
        return list(self._over)

    async def end(self, relay: Relay) -> None:
        """Ends a relay, and forgets one that has ended."""
        await relay.stop()
        for among in (self._lasting, self._over):
            if relay in among:
                among.remove(relay)

    def _check_room(self) -> None:
        running = len(self._lasting) + len(self._on_demand)
        if running >= self._settings.max_relays:
            self.refused += 1
            raise LimitError(f"there are {running} relays, more are not allowed")

    def _start(self, route: Route, first_pause_s: float | None = None) -> Relay:
        carrier = (Pull if route.direction is Direction.PULL else Push)(route.path, self._live.streams)
        back_off = self._make_back_off(first_pause_s)
        relay = Relay(route, carrier, self._live, back_off, self._dialer)
        relay.start(self._on_end)
        return relay

    def _make_back_off(self, first_pause_s: float | None = None) -> BackOff:
        first_s = self._settings.first_pause if first_pause_s is None else first_pause_s
        return BackOff(first_s, max(first_s, self._settings.longest_pause), self._chance)

    def _on_end(self, relay: Relay) -> None:
        path = relay.route.path
        if relay in self._lasting:
            self._lasting.remove(relay)
            self._over.append(relay)
            self.failures += relay.failures
        if self._on_demand.get(path) is relay:
            if relay.has_carried:
                self._failed.forget(path)
            elif relay.failures:
                self._failed.add(path, self._live.clock.time())
            self._has_come(path)
            del self._on_demand[path]
            del self._played_s[path]
            self.failures += relay.failures

    def _on_wanted(self, stream: Stream) -> None:
        """Somebody plays what nobody publishes."""
        path = stream.path
        if path in self._on_demand or any(relay.route.path == path for relay in self._lasting if _is_pull(relay)):
            return
        if self._failed.rests(path, self._live.clock.time()):
            return
        url = next((url for origin in self._settings.origins if (url := origin.target(path)) is not None), None)
        if url is None:
            return
        try:
            self._check_room()
            self._take_place(path)
        except LimitError as error:
            self._refusals.count(f"stream={path}: {error}")
            return
        self._played_s[path] = self._live.clock.time()
        self._on_demand[path] = self._start(Route(Direction.PULL, path, url, WantedBy.PLAYER))

    def _take_place(self, path: str) -> None:
        """Raises LimitError when who asks for it last has asked for too much that has not come."""
        asking = [session for session in self._live.sessions.of(path) if session.role is Role.PLAYER]
        if not asking:
            return  # the server itself: a room, say
        try:
            self._give_back[path] = self._unseen.take(asking[-1].address)
        except LimitError:
            self.refused += 1
            raise

    def _has_come(self, path: str) -> None:
        """It has, or never will."""
        give_back = self._give_back.pop(path, None)
        if give_back is not None:
            give_back()

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
            "miso_live_relays_refused",
            "Streams not pulled: too many relays, in all or of one address",
            self._plugin.refused,
        )
