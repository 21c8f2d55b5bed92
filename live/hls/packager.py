"""Cuts one stream for as long as somebody watches it, and lets who asks wait for what is to come."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from miso.live.errors import StreamClosedError
from miso.live.hls.address import media_address, piece_address
from miso.live.hls.playlist import media_playlist, multivariant_playlist
from miso.live.hls.segmenter import MAIN_TRACKS, Segmenter
from miso.live.hls.segments import Window
from miso.live.hls.settings import HlsSettings
from miso.live.media.codec import Kind
from miso.live.streams.stream import Stream
from miso.live.streams.subscription import Start
from miso.live.streams.waiters import Waiters

logger = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 20.0
"""Within it a stream's publisher, its tracks and its first key frame have come, or it cannot be watched."""
_RUN_BYTES = 8
_MS_PER_S = 1_000
_KINDS = (Kind.AUDIO, Kind.VIDEO)


class Packager:
    """One cutting of a stream.

    Attributes:
        run: Names it, and nobody can guess it.
        stream: What is cut.
        viewers: How many watch.

    Args:
        stream: What is cut.
        settings: How.
        unix_s: Unix time.
    """

    def __init__(self, stream: Stream, settings: HlsSettings, unix_s: Callable[[], float]) -> None:
        self.run = secrets.token_hex(_RUN_BYTES)
        self.stream = stream
        self.viewers = 0
        self._settings = settings
        self._unix_s = unix_s
        self._segmenter: Segmenter | None = None
        self._changed = Waiters()
        self._is_over = False
        self._task = asyncio.create_task(self._cut(), name=f"hls {stream.path}")
        self._task.add_done_callback(self._ended)

    def __str__(self) -> str:
        """As the log has it."""
        return f"hls={self.run} stream={self.stream.path}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._is_over

    @property
    def window(self) -> Window:
        """What there is; once it :meth:`begins`."""
        assert self._segmenter is not None
        return self._segmenter.window

    @property
    def size_bytes(self) -> int:
        """What is kept of the stream."""
        return self._segmenter.window.size_bytes if self._segmenter is not None else 0

    @property
    def target_s(self) -> float:
        """No segment is longer, as far as is known."""
        longest_s = self._segmenter.longest_s if self._segmenter is not None else 0.0
        return max(self._settings.segment_s, longest_s)

    @property
    def _has_begun(self) -> bool:
        return self._segmenter is not None and self._segmenter.window.has_complete

    @property
    def waiting(self) -> int:
        """How many wait for what is to come."""
        return len(self._changed)

    async def begins(self) -> bool:
        """Returns when there is a whole segment, without which some players give up; False: there never will be.

        Raises:
            TimeoutError: The stream has nothing that can be played, or is very slow.
        """
        async with asyncio.timeout(FIRST_WAIT_S):
            while not self._is_over and not self._has_begun:
                await self._changed.wait()
        return self._has_begun

    async def has(self, number: int, part: int | None) -> None:
        """Returns when a segment or part has come, or none will.

        Raises:
            TimeoutError: It did not within three target durations.
        """
        async with asyncio.timeout(3 * self.target_s):
            while not self._is_over and not self.window.has(number, part):
                await self._changed.wait()

    def multivariant(self, session: str, name: str) -> str:
        """The playlist with which a viewer begins.

        Args:
            session: The viewer's.
            name: The stream's path as the viewer asked for it.
        """
        assert self._segmenter is not None
        segmenter = self._segmenter
        newest = segmenter.window.newest
        bitrate_bps = segmenter.bitrate_bps
        if not bitrate_bps and newest is not None and newest.duration_s:
            bitrate_bps = newest.size_bytes * 8 / newest.duration_s
        return multivariant_playlist(media_address(name, session), segmenter.tracks, bitrate_bps)

    def media(self, session: str, name: str) -> str:
        """The playlist of what there is; see :meth:`multivariant`."""
        assert self._segmenter is not None
        part_target_s = max(self._settings.part_s, self._segmenter.longest_part_s)
        return media_playlist(
            self.window, self.target_s, part_target_s, lambda piece: piece_address(name, self.run, session, piece)
        )

    async def close(self) -> None:
        """Cuts nothing more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _cut(self) -> None:
        stream = self.stream
        try:
            await stream.wait_for_tracks()
            subscription = stream.subscribe(Start.PAST, _KINDS)
        except StreamClosedError:
            return
        logger.info("%s: begins", self)
        offset_s = self._unix_s() - self._newest_ms() / _MS_PER_S
        segmenter = self._segmenter = Segmenter(self._settings, offset_s, self._unix_s)
        self._know_configurations(segmenter)
        while (reading := await subscription.next()) is not None:
            if reading.skipped:
                self._know_configurations(segmenter)
            has_video = any(
                track_id in MAIN_TRACKS and track_id.kind is Kind.VIDEO and not track.ended
                for track_id, track in stream.tracks.items()
            )
            if segmenter.add(reading.packet, has_video):
                self._changed.wake()

    def _know_configurations(self, segmenter: Segmenter) -> None:
        for track in self.stream.tracks.values():
            if track.config is not None:
                segmenter.know(track.config)

    def _newest_ms(self) -> int:
        """The stream's time now."""
        rings = [track.ring for track in self.stream.tracks.values() if track.id.kind in _KINDS and len(track.ring)]
        return max((ring.at(ring.end - 1).packet.dts_ms for ring in rings), default=0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._is_over = True
        if not task.cancelled() and (error := task.exception()) is not None:  # an edge: a bug costs this cutting
            logger.error("%s: failed", self, exc_info=error)
        try:
            if self._segmenter is not None:
                self._segmenter.finish()
                logger.info("%s: ended, segments=%d", self, self._segmenter.window.next_number)
        finally:
            self._changed.wake()
