"""All recordings of the server: which streams are recorded, and what became of it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from miso.live.errors import LimitError, RefusedError
from miso.live.recording.recording import Recording, State
from miso.live.recording.settings import Format, RecordingSettings
from miso.live.recording.space import Space
from miso.live.sessions.session import Counts, Role, Session
from miso.live.sessions.sessions import Sessions
from miso.live.streams.registry import Streams

logger = logging.getLogger(__name__)

MAX_REMEMBERED: Final = 100
"""Recordings that are over and still listed."""
PROTOCOL: Final = "recording"
ADDRESS: Final = "127.0.0.1"
"""Where its sessions come from: this machine."""


class Recorder:
    """Starts and stops recordings.

    Attributes:
        ended: Recordings that are over, the latest ones.
        failures: How many have failed.
        ended_bytes: What those that are over have written.

    Args:
        streams: What may be recorded.
        sessions: Where each has its place, as a player.
        settings: How.
        unix_s: Unix time.
        now_s: The time, in seconds; of a clock that never goes back.
    """

    def __init__(
        self,
        streams: Streams,
        sessions: Sessions,
        settings: RecordingSettings,
        unix_s: Callable[[], float],
        now_s: Callable[[], float],
    ) -> None:
        self.ended: deque[Recording] = deque(maxlen=MAX_REMEMBERED)
        self.failures = 0
        self.ended_bytes = 0
        self._streams = streams
        self._sessions = sessions
        self._settings = settings
        self._unix_s = unix_s
        self._now_s = now_s
        self._space = Space(settings.folder, settings.max_bytes, settings.keep_free_bytes)
        self._running: dict[str, Recording] = {}

    @property
    def running(self) -> list[Recording]:
        """Recordings that go on, or wait for the disk."""
        return list(self._running.values())

    def get(self, id: str) -> Recording | None:
        """A recording that goes on, or that is remembered."""
        return self._running.get(id) or next((recording for recording in self.ended if recording.id == id), None)

    def start(self, path: str, format: Format | None = None) -> Recording:
        """Records a stream until it is over, or :meth:`Recording.stop`. One that is not published yet is waited for.

        Args:
            path: The stream's.
            format: What as; None: as the settings say.

        Raises:
            RefusedError: It is being recorded already, its path is of no use, or there are too many recordings.
        """
        format = format or self._settings.format
        for recording in self._running.values():
            if (recording.path, recording.format) == (path, format) and not recording.detail:
                raise RefusedError(f"{path!r} is being recorded as {format.value} already")
        if len(self._running) >= self._settings.max_recordings:
            raise LimitError(f"there are {len(self._running)} recordings, more are not allowed")
        stream = self._streams.want(path)
        session = self._sessions.open(PROTOCOL, ADDRESS, Role.PLAYER, path, lambda: recording.stop("kicked"))
        recording = Recording(
            session.id,
            stream,
            format,
            self._settings,
            self._space,
            self._unix_s,
            self._now_s,
            session.begin,
            partial(self._ended, session),
        )
        session.count = lambda: Counts(bytes_out=recording.size_bytes)
        self._running[recording.id] = recording
        logger.info("%s: begins", recording)
        return recording

    def forget(self, recording: Recording) -> None:
        """Lists a recording that is over no more; its files stay."""
        if recording in self.ended:
            self.ended.remove(recording)

    def published(self, path: str) -> None:
        """A stream has a publisher: it is recorded if the settings say so, unless it is still."""
        if not self._settings.wants(path):
            return
        if any(recording.path == path and not recording.detail for recording in self._running.values()):
            return
        try:
            self.start(path)
        except RefusedError as error:
            logger.warning("stream=%s: is not recorded: %s", path, error)

    async def close(self, patience_s: float = 8.0) -> None:
        """Completes all files. A disk that takes longer than that is not waited for.

        Args:
            patience_s: In seconds.
        """
        recordings = self.running
        for recording in recordings:
            recording.stop("the server ends")
        waiting = [asyncio.ensure_future(recording.wait()) for recording in recordings]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=patience_s)
            for task in late:
                task.cancel()
            if late:
                logger.warning("%d recordings were not complete after %g s", len(late), patience_s)

    def _ended(self, session: Session, recording: Recording) -> None:
        session.end(recording.end_reason, recording.detail)
        del self._running[recording.id]
        self.failures += recording.state is State.FAILED
        self.ended_bytes += recording.size_bytes
        self.ended.append(recording)
