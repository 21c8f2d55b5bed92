"""A plugin for Miso's live side: writes a line to a file whenever somebody begins or ends to publish.

Its settings are ``[live.stream_log]``: ``file``, beside ``enabled``, which every plugin has.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from pydantic import Field

from miso.live.engine.plugin import Plugin, PluginSettings
from miso.live.engine.services import Live
from miso.live.sessions.events import Event, EventKind


class StreamLogSettings(PluginSettings):
    """Where the lines go."""

    file: Path = Field(Path("streams.log"), description="the file that lines are added to")


class StreamLog(Plugin):
    """Adds lines such as ``1764400000 publish live/talk`` to a file."""

    name = "stream_log"
    Settings = StreamLogSettings

    def __init__(self, live: Live, settings: StreamLogSettings) -> None:
        self._live = live
        self._settings = settings
        self._file: TextIO | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Opens the file. What it raises is logged; the other plugins go on."""
        self._file = self._settings.file.open("a", encoding="utf-8", buffering=1)
        self._write("started")
        self._unsubscribe = self._live.events.subscribe(self._on_event)

    async def stop(self) -> None:
        """Closes the file."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._file is not None:
            self._write("stopped")
            self._file.close()
            self._file = None

    def _on_event(self, event: Event) -> None:
        if event.kind in (EventKind.PUBLISH, EventKind.UNPUBLISH):
            self._write(f"{event.kind.value} {event.path}")

    def _write(self, what: str) -> None:
        assert self._file is not None
        self._file.write(f"{self._live.unix_s():.0f} {what}\n")
