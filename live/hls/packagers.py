"""All streams that are being cut: begun by the first who asks, ended when nobody watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from miso.live.clock import Clock, Timer
from miso.live.errors import LimitError
from miso.live.hls.packager import Packager
from miso.live.hls.settings import HlsSettings
from miso.live.streams.stream import Stream

_LOOKS_PER_LIFE = 3


class Packagers:
    """The packagers, by stream.

    Args:
        settings: How, and how many.
        clock: The time.
        unix_s: Unix time.
    """

    def __init__(self, settings: HlsSettings, clock: Clock, unix_s: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._unix_s = unix_s
        self._packagers: list[Packager] = []
        self._unwatched_since_s: dict[Packager, float] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._packagers)

    def __iter__(self) -> Iterator[Packager]:
        return iter(list(self._packagers))

    @property
    def size_bytes(self) -> int:
        """What is kept of all streams."""
        return sum(packager.size_bytes for packager in self._packagers)

    def get(self, stream: Stream) -> Packager:
        """What cuts a stream.

        Raises:
            LimitError: Too many streams are being cut, or they take too much memory.
        """
        for packager in self._packagers:
            if packager.stream is stream and not packager.is_over:
                return packager
        if len(self._packagers) >= self._settings.max_streams:
            raise LimitError(f"{len(self._packagers)} streams are given as HLS, more are not allowed")
        if self.size_bytes >= self._settings.max_total_bytes:
            raise LimitError(f"streams given as HLS take {self.size_bytes} bytes, more are not allowed")
        packager = Packager(stream, self._settings, self._unix_s)
        self._packagers.append(packager)
        self._unwatched_since_s[packager] = self._clock.time()
        if self._timer is None:
            self._look_later()
        return packager

    async def close(self) -> None:
        """Cuts nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for packager in self:
            self._stop(packager)
        if self._closing:
            await asyncio.wait(self._closing)

    def _look_later(self) -> None:
        self._timer = self._clock.call_later(self._settings.stop_s / _LOOKS_PER_LIFE, self._look)

    def _look(self) -> None:
        self._timer = None
        now_s = self._clock.time()
        for packager in self:
            if packager.viewers or packager.waiting:
                self._unwatched_since_s[packager] = now_s
            elif packager.is_over or now_s - self._unwatched_since_s[packager] >= self._settings.stop_s:
                self._stop(packager)
        if self._packagers:
            self._look_later()

    def _stop(self, packager: Packager) -> None:
        self._packagers.remove(packager)
        del self._unwatched_since_s[packager]
        task = asyncio.get_running_loop().create_task(packager.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
