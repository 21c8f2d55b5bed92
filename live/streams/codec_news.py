"""Tells of codecs at once, but not without end: a publisher may change its configuration with every frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from miso.live.clock import Clock, Timer
from miso.live.media.packet import TrackId
from miso.live.streams.track import Track

PERIOD_S: Final = 10.0
MOST: Final = 32
"""So much is told of one stream within a period; of what changes beyond it, the latest is told when it is over."""


class CodecNews:
    """What is told of the codecs of one stream.

    Args:
        clock: The time.
        tell: Called with a track that has another codec or configuration.
    """

    def __init__(self, clock: Clock, tell: Callable[[Track], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._told = 0  # in this period
        self._due: dict[TrackId, Track] = {}
        self._timer: Timer | None = None

    def changed(self, track: Track) -> None:
        """A track has its codec or configuration, or another one."""
        if self._timer is None:
            self._timer = self._clock.call_later(PERIOD_S, self._begin_period)
        if self._told < MOST:
            self._told += 1
            self._tell(track)
        else:
            self._due[track.id] = track

    def close(self) -> None:
        """Tells nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due.clear()

    def _begin_period(self) -> None:
        self._timer = None
        self._told = 0
        due, self._due = self._due, {}
        for track in due.values():
            self.changed(track)
