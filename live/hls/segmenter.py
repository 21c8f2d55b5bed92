"""Cuts a stream into parts and segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from miso.live.errors import ParseError
from miso.live.hls.segments import Part, Window
from miso.live.hls.settings import HlsSettings
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.mp4.track import WITHOUT_CONFIG, Mp4Track, make_track
from miso.live.mp4.writer import Fragment, FragmentWriter

SPARE_SEGMENTS = 3
"""Kept beyond those in playlists, for who still has an older one."""
MAIN_TRACKS = (TrackId(Kind.VIDEO), TrackId(Kind.AUDIO))
"""What players of HLS get."""
MAX_SAMPLES: Final = 4_096
"""Frames of a part, which ends with them: their times need not go on, and each takes memory, however small it is."""
# A player that adds durations up must not come to more than was promised because of rounding.
_SLACK_S = 0.001
_MS_PER_S = 1_000

# How a track is coded: its codec, and its configuration record.
_Form = tuple[Codec | None, bytes]


class Segmenter:
    """Cuts one stream. When its codecs, their configurations or its tracks change, a discontinuity begins.

    So it does when the stream's time leaps by more than the longest segment may last, and when pictures pause for so
    long while there is sound: then sound goes on alone until they come again. Else a frame would last as long as the
    leap, and players be told of segments of that length.

    Attributes:
        window: What it has cut.
        tracks: What is in the newest segment.
        longest_s: The longest segment so far.
        longest_part_s: The longest part so far.
        bitrate_bps: Of the segment with the most so far.

    Args:
        settings: How long pieces are, and how much is kept.
        unix_offset_s: What is added to a time of the stream to get Unix time.
        unix_s: Unix time, with which times go on after a leap.
    """

    def __init__(self, settings: HlsSettings, unix_offset_s: float, unix_s: Callable[[], float]) -> None:
        self.window = Window(settings.segments, SPARE_SEGMENTS, settings.max_bytes)
        self.tracks: tuple[Mp4Track, ...] = ()
        self.longest_s = 0.0
        self.longest_part_s = 0.0
        self.bitrate_bps = 0.0
        self._settings = settings
        self._unix_offset_s = unix_offset_s
        self._unix_s = unix_s
        self._max_gap_ms = round(settings.max_segment_s * _MS_PER_S)
        self._newest_ms: int | None = None
        self._newest_video_ms: int | None = None
        self._writer: FragmentWriter | None = None
        self._map_number = 0
        self._configs: dict[TrackId, Packet] = {}
        self._bare_frames: dict[TrackId, Packet] = {}  # the latest, of tracks that have no configurations
        # What the newest segments were begun with; a track that MP4 has no form of is there, too.
        self._forms: dict[TrackId, _Form] = {}
        self._has_video = False
        self._is_outdated = True
        self._sample_s = 0.0  # of the leading track's last frame

    def know(self, config: Packet) -> None:
        """A configuration that is in force before the first packet, or behind some that were missed."""
        self._configs[config.track] = config

    def add(self, packet: Packet, has_video: bool) -> bool:
        """Takes the next packet.

        Args:
            packet: Of any track.
            has_video: Whether the stream has video now; if so, segments begin with its key frames.

        Returns:
            Whether there is something new for players.
        """
        track = packet.track
        if track not in MAIN_TRACKS or packet.is_end:
            return False
        if packet.is_config:
            self._configs[track] = packet
            return False
        has_leapt = self._leap(packet)
        has_video = has_video and not self._has_paused(packet)
        return self._add_frame(packet, has_video) or has_leapt

    def _add_frame(self, packet: Packet, has_video: bool) -> bool:
        track = packet.track
        if packet.codec in WITHOUT_CONFIG:
            self._bare_frames[track] = packet
        form = _form(packet, self._configs.get(track))
        if self._forms.get(track) != form or has_video != self._has_video:
            self._is_outdated = True
        can_begin = packet.is_key and (track.kind is Kind.VIDEO or not has_video)
        if can_begin and self._is_outdated:
            self._begin_anew(packet, has_video)
        writer = self._writer
        if writer is None or self._forms.get(track) != form or not any(track == mine.id for mine in self.tracks):
            return False
        before_s = writer.pending_s
        writer.add(packet)
        if writer.pending_s > before_s:
            self._sample_s = writer.pending_s - before_s
        return self._cut(writer, can_begin)

    def finish(self) -> None:
        """The stream is over."""
        self._finish_segment()
        self.window.is_over = True

    def _leap(self, packet: Packet) -> bool:
        """Ends what there is if the stream's time leaps with this frame; whether that is something new for players."""
        newest_ms, self._newest_ms = self._newest_ms, max(packet.dts_ms, self._newest_ms or 0)
        if newest_ms is None or packet.dts_ms - newest_ms <= self._max_gap_ms:
            return False
        self._unix_offset_s = self._unix_s() - packet.dts_ms / _MS_PER_S
        self._is_outdated = True
        return self._finish_segment()

    def _has_paused(self, packet: Packet) -> bool:
        """Whether pictures have not come for long while there is sound."""
        if packet.track.kind is Kind.VIDEO:
            self._newest_video_ms = packet.dts_ms
        newest_ms = self._newest_video_ms
        return newest_ms is not None and packet.dts_ms - newest_ms > self._max_gap_ms

    def _finish_segment(self) -> bool:
        """Nothing more goes into what has been begun; whether there was anything left."""
        writer, self._writer = self._writer, None
        has_new = writer is not None and self._take(writer.finish())
        self._complete_segment()
        return has_new

    def _begin_anew(self, first: Packet, has_video: bool) -> None:
        """With other tracks than before, or for the first time."""
        self._finish_segment()
        self._forms.clear()
        tracks = []
        for track_id in MAIN_TRACKS if has_video else (TrackId(Kind.AUDIO),):
            config = self._configs.get(track_id)
            frame = first if track_id == first.track else self._bare_frames.get(track_id) or config
            if frame is None:
                continue
            self._forms[track_id] = _form(frame, config)
            try:
                tracks.append(make_track(config, frame))
            except ParseError:
                continue  # without it, then: the multivariant playlist says what there is
        self.tracks = tuple(tracks)
        self._has_video = has_video
        self._is_outdated = False
        if tracks:
            self._writer = FragmentWriter(tracks)
            self._map_number += 1
            self.window.maps[self._map_number] = self._writer.init.data

    def _cut(self, writer: FragmentWriter, can_begin: bool) -> bool:
        newest = self.window.newest
        length_s, size_bytes = writer.pending_s, writer.pending_bytes
        if newest is not None and not newest.is_complete:
            length_s += newest.duration_s
            size_bytes += newest.size_bytes
        # The first one is short, so that the first viewer need not wait for a long one.
        wanted_s = self._settings.segment_s if self.window.has_complete else self._settings.part_s
        is_too_large = size_bytes > self._settings.max_bytes // self._settings.segments
        is_too_long = length_s >= self._settings.max_segment_s
        ends_segment = (can_begin and length_s >= wanted_s - _SLACK_S) or is_too_long or is_too_large
        ends_part = writer.pending_s + self._sample_s > self._settings.part_s + _SLACK_S
        if not ends_segment and not ends_part and writer.pending_samples < MAX_SAMPLES:
            return False
        has_new = self._take(writer.take())
        if ends_segment:
            self._complete_segment()
        return has_new or ends_segment

    def _take(self, fragment: Fragment | None) -> bool:
        if fragment is None:
            return False
        newest = self.window.newest
        if newest is None or newest.is_complete:
            is_discontinuous = newest is not None and newest.map_number != self._map_number
            newest = self.window.begin(self._map_number, is_discontinuous, fragment.start_s + self._unix_offset_s)
        self.window.add(Part(fragment.data, fragment.duration_s, fragment.is_independent))
        self.longest_part_s = max(self.longest_part_s, fragment.duration_s)
        return True

    def _complete_segment(self) -> None:
        newest = self.window.newest
        if newest is not None and not newest.is_complete:
            newest.is_complete = True
            self.longest_s = max(self.longest_s, newest.duration_s)
            if newest.duration_s:
                self.bitrate_bps = max(self.bitrate_bps, newest.size_bytes * 8 / newest.duration_s)


def _form(frame: Packet, config: Packet | None) -> _Form:
    has_config = config is not None and frame.codec not in WITHOUT_CONFIG
    return frame.codec, config.payload if config is not None and has_config else b""
