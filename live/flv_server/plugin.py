"""The plugin ``flv``: live streams at ``/APP/NAME.flv``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from starlette.routing import Route

from miso.live.clock import Timer
from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.flv_server.request import SUFFIX
from miso.live.flv_server.service import METHODS, FlvService
from miso.live.flv_server.settings import FlvSettings


class FlvServer(Plugin):
    """Serves FLV over HTTP and WebSocket, on all ports that serve :class:`~miso.live.web.web.Web`."""

    name: ClassVar[str] = "flv"
    Settings: ClassVar[type[FlvSettings]] = FlvSettings

    def __init__(self, live: Live, settings: FlvSettings) -> None:
        self._live = live
        self._service = FlvService(live, settings)
        self._remove: Callable[[], None] | None = None
        self._pings: Timer | None = None

    async def start(self) -> None:
        """Answers requests from now on."""
        route = Route(f"/{{path:path}}{SUFFIX}", self._service.answer, methods=list(METHODS))
        self._remove = self._live.web.add([route], upgrades=True)
        self._ping()

    async def stop(self) -> None:
        """Answers no more, and ends its connections."""
        remove, self._remove = self._remove, None
        if remove is not None:
            remove()
        if self._pings is not None:
            self._pings.cancel()
            self._pings = None
        self._service.close()

    def _ping(self) -> None:
        self._service.ping()
        self._pings = self._live.clock.call_later(self._service.ping_s, self._ping)
