"""The plugin "recording": what is recorded by the settings, and the API for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.recording.metrics import RecordingCollector
from miso.live.recording.record_routes import RecordRoutes
from miso.live.recording.recorder import Recorder
from miso.live.recording.routes import recording_routes
from miso.live.recording.settings import RecordingSettings
from miso.live.sessions.events import Event, EventKind


class RecordingPlugin(Plugin):
    """Records streams.

    Attributes:
        recorder: All recordings.
    """

    name: ClassVar[str] = "recording"
    Settings = RecordingSettings

    def __init__(self, live: Live, settings: RecordingSettings) -> None:
        self.recorder = Recorder(live.streams, live.sessions, settings, live.unix_s, live.clock.time)
        self._live = live
        self._folder = settings.folder
        self._collector = RecordingCollector(self.recorder)
        self._undo: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Records what the settings say, as it is published."""
        live = self._live
        live.metrics.register(self._collector)
        self._undo = [
            live.events.subscribe(self._on_event),
            live.web.add(recording_routes(self.recorder, live.operators.check)),
            live.web.add(RecordRoutes(self.recorder, self._folder, live.operators.check).routes),
            lambda: live.metrics.unregister(self._collector),
        ]

    async def stop(self) -> None:
        """Completes all files."""
        undo, self._undo = self._undo, []
        for step in undo:
            step()
        await self.recorder.close()

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.PUBLISH:
            self.recorder.published(event.path)
