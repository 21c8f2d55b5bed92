"""The live side as a whole: starts its plugins, and stops them in the reverse order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from miso.live.engine.freed_memory import FreedMemory
from miso.live.engine.metrics import FailuresCollector
from miso.live.engine.plugin import Plugin
from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.errors import LiveError
from miso.serving.certificate import CertificateError

logger = logging.getLogger(__name__)

_EXPECTED = (OSError, LiveError, CertificateError)
"""What may well go wrong when a plugin starts (a port is taken, say): the log needs no traceback to be understood."""


class Engine:
    """Runs plugins. A plugin that fails is told of, counted and stopped; the others go on.

    A program of one's own runs it like this::

        plugins = find_plugins(OWN_PLUGINS).classes
        engine = Engine(live_settings_model(plugins)(), plugins)
        await engine.start()
        ...
        await engine.stop()

    Attributes:
        live: What the plugins share.
        failures: How often each plugin has failed, by its name.

    Args:
        settings: Of the live side; a plugin without a section in them does not run.
        plugins: In the order in which they start.
        unix_s: Unix time.
    """

    START_S: ClassVar[float] = 30.0
    """A plugin that has not started after so many seconds has failed."""
    STOP_S: ClassVar[float] = 10.0
    """A plugin that has not stopped after so many seconds is cancelled ..."""
    CANCEL_S: ClassVar[float] = 1.0
    """... and left as it is when that does not end it within so many more."""

    def __init__(
        self, settings: LiveSettings, plugins: Sequence[type[Plugin]], unix_s: Callable[[], float] = time.time
    ) -> None:
        self.live = make_live(settings, asyncio.get_running_loop(), unix_s)
        self.failures: Counter[str] = Counter()
        self.live.metrics.register(FailuresCollector(self.failures))
        self._settings = settings
        self._classes = plugins
        self._running: dict[Plugin, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()  # of plugins that have failed, and are being stopped
        self._freed_memory: FreedMemory | None = None  # while it runs
        self._left_alone: set[asyncio.Task[None]] = set()  # what cannot be cancelled

    @property
    def running(self) -> list[Plugin]:
        """The plugins that have started and not failed since, in the order of their start."""
        return list(self._running)

    async def start(self) -> None:
        """Starts all plugins whose sections say ``enabled``, one after the other."""
        if self._freed_memory is None:
            self._freed_memory = FreedMemory(self.live.events, self.live.clock)
        for plugin_class in self._classes:
            section = getattr(self._settings, plugin_class.name, None)
            if section is not None and section.enabled:
                await self._start(plugin_class, section)

    async def stop(self) -> None:
        """Stops all plugins, the last one first, then ends what is left of sessions and streams. Idempotent."""
        for plugin in reversed(self.running):
            task = self._running.pop(plugin)
            await self._cancel(task)
            await self._stop(plugin)
        if self._ending:
            await asyncio.wait(self._ending)
        if self._freed_memory is not None:
            self._freed_memory.close()
            self._freed_memory = None
        self.live.sessions.close()
        self.live.streams.close()
        self.live.broadcasts.close()
        await self.live.gate.close()

    async def _start(self, plugin_class: type[Plugin], section: object) -> None:
        plugin: Plugin | None = None
        try:
            plugin = plugin_class(self.live, section)
            await self._within(plugin.start(), self.START_S)
        except Exception as error:  # noqa: BLE001  an edge: what one plugin does wrong costs that plugin
            self._failed(plugin_class.name, "cannot start", error)
            if plugin is not None:
                await self._stop(plugin)
            return
        except asyncio.CancelledError:
            if plugin is not None:
                await self._stop(plugin)
            raise
        self._running[plugin] = asyncio.create_task(self._run(plugin), name=f"live plugin {plugin.name}")

    async def _run(self, plugin: Plugin) -> None:
        try:
            await plugin.run()
        except Exception as error:  # noqa: BLE001  an edge, as above
            self._failed(plugin.name, "has failed", error)
            task = self._running.pop(plugin, None)
            if task is not None:  # else the engine is about to stop it
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
                await self._stop(plugin)

    async def _stop(self, plugin: Plugin) -> None:
        try:
            await self._within(plugin.stop(), self.STOP_S)
        except Exception as error:  # noqa: BLE001  an edge, as above
            self._failed(plugin.name, "cannot be stopped", error)

    async def _within(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        """Does what a plugin does, and has an end also when the plugin has none.

        Raises:
            TimeoutError: It takes longer.
        """
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            await self._cancel(task)
            raise
        if not done:
            await self._cancel(task)
            raise TimeoutError
        if task.cancelled():
            raise RuntimeError("it has cancelled itself")
        task.result()

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=self.CANCEL_S)
        if not done:
            self._left_alone.add(task)
            task.add_done_callback(self._left_alone.discard)
        elif not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: failed when it was cancelled", task.get_name(), exc_info=error)

    def _failed(self, name: str, what: str, error: Exception) -> None:
        self.failures[name] += 1
        is_expected = isinstance(error, _EXPECTED) and not isinstance(error, TimeoutError)
        text = "it took too long" if isinstance(error, TimeoutError) else str(error)
        logger.error("live plugin %s %s: %s", name, what, text, exc_info=None if is_expected else error)
