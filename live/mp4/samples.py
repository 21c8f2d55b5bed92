"""From the packets of a track to its samples: times in ticks, and how long each lasts, which the next one decides."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.mp4.frame_length import frame_samples
from miso.live.mp4.track import Mp4Track

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_MS_PER_S = 1_000
# Stamps of sound are rounded to a millisecond, and encoders' clocks stray: within this, frames follow without a gap.
_CLOSE_MS = 20
# Rounding strays to both sides. What has strayed to one side by more than that for so many frames goes by its stamps
# again: the first stamps were wrong, or the clocks drift.
_ASTRAY_MS = 5
_ASTRAY_FRAMES = 32
# Until a second one shows how long the first is.
_USUAL_FRAME_MS = 40
_MAX_DURATION = (1 << 32) - 1
_MIN_COMPOSITION, _MAX_COMPOSITION = -(1 << 31), (1 << 31) - 1


class Sample(NamedTuple):
    """One frame as MP4 has it; times in the track's ticks.

    Attributes:
        dts: When it is decoded.
        duration: Until the next one is.
        composition: So much later it is shown; may be negative.
        is_key: A decoder can begin here.
        data: The coded bits.
    """

    dts: int
    duration: int
    composition: int
    is_key: bool
    data: bytes


class SampleMaker:
    """Makes the samples of one track.

    Args:
        track: The track.
        origin_ms: The stream's time at which the file's begins.
    """

    def __init__(self, track: Mp4Track, origin_ms: int = 0) -> None:
        self._timescale = track.timescale
        self._is_audio = track.id.kind is Kind.AUDIO
        self._origin_ms = origin_ms
        self._close = track.timescale * _CLOSE_MS // _MS_PER_S
        self._astray = track.timescale * _ASTRAY_MS // _MS_PER_S
        self._late_frames = 0  # in a row that were astray: those that came late count up, those that came early down
        self._usual = max(1, track.timescale * _USUAL_FRAME_MS // _MS_PER_S)
        self._last: Packet | None = None
        self._last_dts = 0
        # Where the next frame of sound begins if it follows the last closely.
        self._expected: int | None = None

    def add(self, packet: Packet) -> Sample | None:
        """Takes a frame; returns the one before it, now that it is known how long it lasts."""
        dts = self._ticks(packet)
        if self._expected is not None and self._follows(dts - self._expected):
            dts = self._expected
        before = None
        if self._last is not None:
            dts = max(dts, self._last_dts + 1)
            before = self._sample(self._last, dts - self._last_dts)
            if not self._is_audio:
                self._usual = dts - self._last_dts
        self._last, self._last_dts = packet, dts
        length = frame_samples(packet) if self._is_audio else None
        if length is not None:
            self._usual = length
        self._expected = None if length is None else dts + length
        return before

    def finish(self) -> Sample | None:
        """The last frame, as long as frames of its track usually are."""
        last, self._last = self._last, None
        return None if last is None else self._sample(last, self._usual)

    def _follows(self, late: int) -> bool:
        """Whether a frame of sound that comes so much later than expected follows the one before without a gap."""
        if abs(late) <= self._astray:
            self._late_frames = 0
        elif late > 0:
            self._late_frames = max(self._late_frames, 0) + 1
        else:
            self._late_frames = min(self._late_frames, 0) - 1
        if abs(late) <= self._close and abs(self._late_frames) < _ASTRAY_FRAMES:
            return True
        self._late_frames = 0
        return False

    def _ticks(self, packet: Packet) -> int:
        time_ns = (packet.dts_ms - self._origin_ms) * _NS_PER_MS + packet.nanosecond_offset
        return max(0, (time_ns * self._timescale + _NS_PER_S // 2) // _NS_PER_S)

    def _sample(self, packet: Packet, duration: int) -> Sample:
        composition = packet.composition_ms * self._timescale // _MS_PER_S
        return Sample(
            dts=self._last_dts,
            duration=min(duration, _MAX_DURATION),
            composition=max(_MIN_COMPOSITION, min(composition, _MAX_COMPOSITION)),
            is_key=packet.is_key or self._is_audio,
            data=packet.payload,
        )
