"""How one reader gets the packets of a stream: of all its tracks, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from miso.live.media.packet import Kind, Packet, TrackId
from miso.live.streams.cursor import Cursor
from miso.live.streams.ring import Ring
from miso.live.streams.track import Track
from miso.live.streams.waiters import Waiters

AUDIO_ONLY_START_MS = 1_000
"""A reader who begins fast on a stream without video gets this much of its past."""


class Start(Enum):
    """Where a reader begins.

    FAST: With the latest key frame and all since: a picture at once, and as late as that frame is old.
    LIVE: Sound at once, pictures from the next key frame on: nothing that is old.
    KEY: Everything from the next key frame on.
    PAST: With the oldest key frame that is kept, and all since: for who cuts a stream and wants much of it at once.
    """

    FAST = "fast"
    LIVE = "live"
    KEY = "key"
    PAST = "past"


class Reading(NamedTuple):
    """What a reader gets.

    Attributes:
        packet: The packet.
        skipped: How many packets of its track were missed before it. If any: the track's configuration may be another
            (:attr:`~miso.live.streams.track.Track.config`), and a decoder begins anew.
    """

    packet: Packet
    skipped: int


class Subscription:
    """One reader of a stream. New tracks are read from their beginning.

    Args:
        tracks: The stream's tracks, as they come.
        changed: Woken when there is a new track, and when the stream closes.
        is_closed: Whether the stream has closed.
        start: Where to begin.
        kinds: What is read; None: everything.
    """

    def __init__(
        self,
        tracks: Mapping[TrackId, Track],
        changed: Waiters,
        is_closed: Callable[[], bool],
        start: Start,
        kinds: Iterable[Kind] | None = None,
    ) -> None:
        self._tracks = tracks
        self._changed = changed
        self._is_closed = is_closed
        self._kinds = frozenset(kinds) if kinds is not None else frozenset(Kind)
        self._cursors: dict[TrackId, Cursor] = {}
        has_video = any(track_id.kind is Kind.VIDEO for track_id in tracks) and Kind.VIDEO in self._kinds
        self._waits_for_video = start is Start.KEY and has_video
        self._begin(start)

    async def next(self) -> Reading | None:
        """The next packet; None: the stream is over. It may be cancelled at any time, and called again."""
        while True:
            reading = self.next_now()
            if reading is not None or self._is_over():
                return reading
            await self._wait()

    def next_now(self) -> Reading | None:
        """The next packet if it is there already."""
        self._add_new_tracks()
        found: tuple[int, TrackId, Packet] | None = None
        for track_id, cursor in self._cursors.items():
            entry = cursor.peek() if not self._waits_for_video or track_id.kind is Kind.VIDEO else None
            if entry is not None and (found is None or entry.arrival < found[0]):
                found = entry.arrival, track_id, entry.packet
        if found is None:
            return None
        arrival, track_id, packet = found
        skipped = self._cursors[track_id].advance()
        if self._waits_for_video or (skipped and track_id.kind is Kind.VIDEO):
            # sound begins, or goes on, where pictures do
            self._waits_for_video = False
            for cursor in self._cursors.values():
                cursor.skip_to(arrival)
        return Reading(packet, skipped)

    def _is_over(self) -> bool:
        return self._is_closed() and all(cursor.at_end for cursor in self._cursors.values())

    async def _wait(self) -> None:
        woken = asyncio.get_running_loop().create_future()
        sources = [self._changed, *(self._tracks[track_id].ring.waiters for track_id in self._cursors)]
        for source in sources:
            source.add(woken)
        try:
            await woken
        finally:
            for source in sources:
                source.discard(woken)

    def _add_new_tracks(self) -> None:
        if len(self._cursors) == len(self._tracks):
            return
        for track_id, track in self._tracks.items():
            if track_id.kind in self._kinds and track_id not in self._cursors:
                self._cursors[track_id] = Cursor(track.ring, track.ring.first)

    def _begin(self, start: Start) -> None:
        wanted = {track_id: track for track_id, track in self._tracks.items() if track_id.kind in self._kinds}
        video = next((track.ring for track_id, track in wanted.items() if track_id.kind is Kind.VIDEO), None)
        for track_id, track in wanted.items():
            ring = track.ring
            if track_id.kind is Kind.VIDEO:
                key = _first_key(ring, start)
                self._cursors[track_id] = Cursor(ring, ring.end if key is None else key, needs_key=True)
            else:
                self._cursors[track_id] = Cursor(ring, _beside(ring, video, start))


def _first_key(ring: Ring, start: Start) -> int | None:
    """Where pictures begin; None: with the next key frame that comes."""
    if start is Start.FAST:
        return ring.newest_key
    return ring.oldest_key if start is Start.PAST else None


def _beside(ring: Ring, video: Ring | None, start: Start) -> int:
    """Where sound begins."""
    if start not in (Start.FAST, Start.PAST):
        return ring.end
    if video is not None:
        key = _first_key(video, start)
        return ring.end if key is None else ring.position_of(video.at(key).arrival)
    if start is Start.PAST:
        oldest = ring.oldest_key
        return ring.end if oldest is None else oldest
    position = ring.end
    if position > ring.first:
        newest_ms = ring.at(position - 1).packet.dts_ms
        while position > ring.first and newest_ms - ring.at(position - 1).packet.dts_ms <= AUDIO_ONLY_START_MS:
            position -= 1
    return position
