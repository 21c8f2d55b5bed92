"""The plugin "hls": live streams as HLS, on the ports that serve HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.hls.metrics import HlsCollector
from miso.live.hls.packagers import Packagers
from miso.live.hls.routes import hls_routes
from miso.live.hls.service import HlsService
from miso.live.hls.settings import HlsSettings
from miso.live.hls.viewers import Viewers


class HlsPlugin(Plugin):
    """Gives streams as HLS."""

    name: ClassVar[str] = "hls"
    Settings = HlsSettings

    def __init__(self, live: Live, settings: HlsSettings) -> None:
        self._live = live
        self._packagers = Packagers(settings, live.clock, live.unix_s)
        self._viewers = Viewers(live.sessions, live.clock, settings.viewer_s)
        self._service = HlsService(live.gate, live.streams, self._packagers, self._viewers, settings)
        self._undo: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Answers from now on."""
        live, collector = self._live, HlsCollector(self._service, self._packagers)
        live.metrics.register(collector)
        self._undo = [
            live.web.add(hls_routes(self._service, live.web.address_of)),
            lambda: live.metrics.unregister(collector),
        ]

    async def stop(self) -> None:
        """Ends all viewers' sessions, and what is cut for them."""
        undo, self._undo = self._undo, []
        for step in undo:
            step()
        self._viewers.close()
        await self._packagers.close()
