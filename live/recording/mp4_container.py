"""A recording as fragmented MP4: what has been written can be played, whatever becomes of the rest."""

from __future__ import annotations

from collections import defaultdict

from miso.live.errors import ParseError
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet, TrackId
from miso.live.mp4.init_segment import fragment_duration
from miso.live.mp4.random_access import AccessPoint, random_access_index
from miso.live.mp4.track import Mp4Track, make_track
from miso.live.mp4.writer import Fragment, FragmentWriter
from miso.live.recording.container import Beginnings, Patch
from miso.live.recording.thinned_list import ThinnedList

FRAGMENT_S = 1.0
"""As long as fragments get at most, give or take a frame: so much is lost when the process is killed."""
MAX_INDEXED_FRAGMENTS = 8_192
"""Of a longer file every second one is in the index, or every fourth, and so on."""
_MAX_FRAGMENT_BYTES = 8_000_000
_MAX_FRAGMENT_SAMPLES = 4_096  # their times need not go on, and each takes memory


class Mp4Container:
    """A file.

    Args:
        tracks: What is known of them.
        origin_ms: The stream's time of the first frame.

    Raises:
        ParseError: It would have no track.
    """

    def __init__(self, tracks: Beginnings, origin_ms: int) -> None:
        made: list[Mp4Track] = []
        problems: dict[TrackId, str] = {}
        for track_id, beginning in tracks.items():
            try:
                made.append(make_track(beginning.config, beginning.frame))
            except ParseError as error:
                problems[track_id] = str(error)
        if not made:
            raise ParseError(f"no track can be written as MP4: {'; '.join(problems.values()) or 'there is none'}")
        self.left_out = frozenset(problems)
        self._tracks = tracks
        self._writer = FragmentWriter(made, origin_ms)
        self._size = 0
        # Where independent fragments end, in bytes and milliseconds, and what the index says of them.
        self._points: ThinnedList[tuple[int, int, list[tuple[int, AccessPoint]]]] = ThinnedList(MAX_INDEXED_FRAGMENTS)

    @property
    def duration_ms(self) -> int:
        return self._writer.end_ms

    @property
    def is_full(self) -> bool:
        return False  # its times have 64 bits

    def begin(self) -> bytes:
        self._size = len(self._writer.init.data)
        return self._writer.init.data

    def add(self, packet: Packet) -> bytes:
        writer = self._writer
        writer.add(packet)
        is_key = packet.is_key and packet.track.kind is Kind.VIDEO
        is_large = writer.pending_bytes >= _MAX_FRAGMENT_BYTES or writer.pending_samples >= _MAX_FRAGMENT_SAMPLES
        if is_key or is_large or writer.pending_s >= FRAGMENT_S:
            return self._written(writer.take())
        return b""

    def can_go_on(self, config: Packet) -> bool:
        beginning = self._tracks.get(config.track)
        known = beginning.config if beginning is not None else None
        # It begins with what is known of all tracks, also where that comes again behind the first frame.
        return known is not None and (known.codec, known.payload) == (config.codec, config.payload)

    def finish(self) -> bytes:
        rest = self._written(self._writer.finish())
        points: dict[int, list[AccessPoint]] = defaultdict(list)
        for _, _, runs in self._points.items:
            for number, point in runs:
                points[number].append(point)
        return rest + random_access_index(points)

    def patches(self, size_bytes: int) -> list[Patch]:
        # Of a file that was cut off the last whole fragment that is listed is all that is known of the time.
        ends = (end_ms for offset, end_ms, _ in self._points.items if offset <= size_bytes)
        duration_ms = self.duration_ms if size_bytes >= self._size else max(ends, default=0)
        return [Patch(self._writer.init.duration_at, fragment_duration(duration_ms))]

    def _written(self, fragment: Fragment | None) -> bytes:
        if fragment is None:
            return b""
        offset = self._size
        self._size += len(fragment.data)
        if fragment.is_independent:  # where there is video, with a key frame of it
            runs = [
                (run.number, AccessPoint(run.pts, offset, run.position)) for run in fragment.runs if run.begins_with_key
            ]
            self._points.add((self._size, self._writer.end_ms, runs))
        return fragment.data
