"""The plugin "recording": what is recorded by the settings, and the API for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.recording.recorder import Recorder
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
        self.recorder = Recorder(live.streams, live.sessions, settings, live.unix_s)
        self._live = live
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Records what the settings say, as it is published."""
        self._unsubscribe = self._live.events.subscribe(self._on_event)

    async def stop(self) -> None:
        """Completes all files."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        await self.recorder.close()

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.PUBLISH:
            self.recorder.published(event.path)
