"""A recording as FLV: tags as they came, and a first tag with duration, size and key frames, filled in at the end.

The first tag is written with room for the list of key frames. Players that know the list (``keyframes`` in onMetaData,
with ``times`` in seconds and ``filepositions`` in bytes) find their way with it; the format itself has no index.
"""

from __future__ import annotations

from collections.abc import Sequence

from miso.live.errors import ParseError
from miso.live.media.amf import EcmaArray
from miso.live.media.amf0 import write_amf0
from miso.live.media.codec import Kind, TrackId
from miso.live.media.description import describe
from miso.live.media.flv import MAX_BODY_SIZE, FlvHeader, TagType, packet_tag, write_tag
from miso.live.media.metadata import ON_METADATA, metadata_members
from miso.live.media.packet import Packet
from miso.live.recording.container import Beginnings, Patch
from miso.live.recording.thinned_list import ThinnedList

MAX_LISTED_KEY_FRAMES = 1_024
"""Of a longer file every second one is listed, or every fourth, and so on: enough of them."""
_FEWEST_LISTED = 2  # ffmpeg complains of a list with one
_NUMBER_SIZE = 9
_NAMES_SIZE = 64  # of the list and its two parts, and how AMF0 writes them
_KEYFRAMES_SIZE = _NAMES_SIZE + 2 * _NUMBER_SIZE * MAX_LISTED_KEY_FRAMES
_NOTHING = write_amf0(None)
_MS_PER_S = 1_000
_USUAL_FRAME_MS = 40
_LONGEST_FRAME_MS = 1_000  # what is longer is a gap, after which the next frame is as long as any
# Readers take the 32 bits of a time as signed (Adobe Flash Video File Format Specification 10.1, E.4.1): 24.8 days, but
# for what comes until the next key frame.
_FULL_MS = (1 << 31) - 60_000


class FlvContainer:
    """A file.

    Args:
        tracks: What is known of them.
        origin_ms: The stream's time of the first frame.

    Raises:
        ParseError: It would have no track.
    """

    def __init__(self, tracks: Beginnings, origin_ms: int) -> None:
        if not tracks:
            raise ParseError("no track can be written as FLV: there is none")
        self.left_out: frozenset[TrackId] = frozenset()
        self._tracks = tracks
        self._origin_ms = origin_ms
        self._has_video = any(track_id.kind is Kind.VIDEO for track_id in tracks)
        self._size = 0
        self._end_ms = 0
        self._last_ms: dict[TrackId, int] = {}
        self._keys: ThinnedList[tuple[int, int]] = ThinnedList(MAX_LISTED_KEY_FRAMES)  # time in milliseconds, and place
        descriptions = [describe(beginning.config or beginning.frame) for beginning in tracks.values()]
        self._members = metadata_members(descriptions)
        self._script_size = 0  # until the tag is written first
        header = FlvHeader(has_audio=any(track_id.kind is Kind.AUDIO for track_id in tracks), has_video=self._has_video)
        self._header = header.to_bytes()

    @property
    def duration_ms(self) -> int:
        return self._end_ms

    @property
    def is_full(self) -> bool:
        return self._end_ms >= _FULL_MS

    def begin(self) -> bytes:
        configs = (beginning.config for beginning in self._tracks.values())
        tags = [packet_tag(config.at(0)) for config in configs if config is not None]
        beginning = self._header + self._script_tag(0, 0, []) + b"".join(tags)
        self._size = len(beginning)
        return beginning

    def add(self, packet: Packet) -> bytes:
        time_ms = packet.dts_ms - self._origin_ms
        body_size = packet.size_bytes
        if time_ms < 0 or body_size > MAX_BODY_SIZE:
            return b""
        tag = packet_tag(packet.at(time_ms))
        is_frame = not packet.is_config and not packet.is_end
        if is_frame and packet.is_key and (packet.track.kind is Kind.VIDEO) == self._has_video:
            self._keys.add((time_ms, self._size))
        if is_frame:
            length_ms = time_ms - self._last_ms.get(packet.track, time_ms - _USUAL_FRAME_MS)
            if length_ms > _LONGEST_FRAME_MS:
                length_ms = _USUAL_FRAME_MS
            self._last_ms[packet.track] = time_ms
            self._end_ms = max(self._end_ms, time_ms + length_ms)
        self._size += len(tag)
        return tag

    def can_go_on(self, config: Packet) -> bool:
        beginning = self._tracks.get(config.track)
        return beginning is not None and beginning.frame.codec is config.codec

    def finish(self) -> bytes:
        return b""

    def patches(self, size_bytes: int) -> list[Patch]:
        keys = [key for key in self._keys.items if key[1] < size_bytes]
        # Of a file that was cut off the last key frame is all that is known of the time.
        end_ms = self._end_ms if size_bytes >= self._size else max((time_ms for time_ms, _ in keys), default=0)
        return [Patch(len(self._header), self._script_tag(size_bytes, end_ms, keys))]

    def _script_tag(self, size_bytes: int, end_ms: int, keys: Sequence[tuple[int, int]]) -> bytes:
        """Always of the same size: what the key frames do not take is filled with values that say nothing."""
        members = EcmaArray(
            self._members,
            duration=end_ms / _MS_PER_S,
            filesize=float(size_bytes),
            hasKeyframes=len(keys) >= _FEWEST_LISTED,
        )
        if members["hasKeyframes"]:
            members["keyframes"] = {
                "times": [time_ms / _MS_PER_S for time_ms, _ in keys],
                "filepositions": [float(offset) for _, offset in keys],
            }
        body = write_amf0(ON_METADATA, members)
        if not self._script_size:
            self._script_size = len(body) + _KEYFRAMES_SIZE
        return write_tag(TagType.SCRIPT, 0, body + _NOTHING * (self._script_size - len(body)))
