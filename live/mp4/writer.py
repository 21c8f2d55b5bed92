"""Writes a file or stream of fragments: packets go in, and whoever writes takes a fragment when it wants one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.mp4.fragment import movie_fragment
from miso.live.mp4.init_segment import InitSegment
from miso.live.mp4.samples import Sample, SampleMaker
from miso.live.mp4.track import Mp4Track

_MS_PER_S = 1_000


class Run(NamedTuple):
    """The samples of one track in a fragment; times in the track's ticks.

    Attributes:
        number: The track's, in the file.
        position: Of the track within the fragment: 1, 2, …
        dts: Of the first sample.
        pts: Of the first sample.
        duration: Of all.
        begins_with_key: Whether a decoder can begin with the first.
    """

    number: int
    position: int
    dts: int
    pts: int
    duration: int
    begins_with_key: bool


class Fragment(NamedTuple):
    """A piece of a file.

    Attributes:
        data: Its bytes.
        runs: What is in it.
        start_s: When it begins, by its leading track: the first one with pictures, or the first one.
        duration_s: Of its leading track.
        is_independent: Whether a player can begin with it.
    """

    data: bytes
    runs: tuple[Run, ...]
    start_s: float
    duration_s: float
    is_independent: bool


class FragmentWriter:
    """Writes one file, or one HLS stream until its tracks change.

    Attributes:
        tracks: What is in it; numbers in the file are 1, 2, … in this order.
        init: What begins it.
        end_ms: When what was taken ends, since the file's beginning: the latest end of all tracks.

    Args:
        tracks: At least one.
        origin_ms: The stream's time at which the file's begins. Frames of before are left out.
    """

    def __init__(self, tracks: Sequence[Mp4Track], origin_ms: int = 0) -> None:
        self.tracks = tuple(tracks)
        self.init = InitSegment(tracks)
        self.end_ms = 0
        self._origin_ms = origin_ms
        self._numbers = {track.id: number for number, track in enumerate(tracks, 1)}
        self._makers = [SampleMaker(track, origin_ms) for track in tracks]
        self._pending: list[list[Sample]] = [[] for _ in tracks]
        video = (number for number, track in enumerate(tracks) if track.id.kind is Kind.VIDEO)
        self._leading = next(video, 0)
        self._sequence = 0
        self._pending_bytes = 0

    @property
    def pending_bytes(self) -> int:
        """Of samples that no fragment has yet."""
        return self._pending_bytes

    @property
    def pending_samples(self) -> int:
        """How many of all tracks no fragment has yet."""
        return sum(len(samples) for samples in self._pending)

    @property
    def pending_s(self) -> float:
        """How long the samples of the leading track last that no fragment has yet."""
        pending = self._pending[self._leading]
        if not pending:
            return 0.0
        return (pending[-1].dts + pending[-1].duration - pending[0].dts) / self.tracks[self._leading].timescale

    def add(self, packet: Packet) -> None:
        """Takes a packet of one of the tracks; what is no frame is left out.

        A frame is in a fragment only when the next one of its track has come, which says how long it lasts: a fragment
        that is taken when a key frame has just come ends before that.
        """
        is_frame = packet.size_bytes and not packet.is_config and not packet.is_end
        if not is_frame or packet.dts_ms < self._origin_ms:
            return
        number = self._numbers[packet.track] - 1
        self._keep(number, self._makers[number].add(packet))

    def take(self) -> Fragment | None:
        """All that is complete, as a fragment; None if nothing is."""
        runs = {number: samples for number, samples in enumerate(self._pending, 1) if samples}
        if not runs:
            return None
        self._sequence += 1
        data = movie_fragment(self._sequence, runs)
        described = tuple(
            _describe(number, position, samples) for position, (number, samples) in enumerate(runs.items(), 1)
        )
        leading = next((run for run in described if run.number == self._leading + 1), described[0])
        timescale = self.tracks[leading.number - 1].timescale
        for run in described:
            end = (run.dts + run.duration) * _MS_PER_S // self.tracks[run.number - 1].timescale
            self.end_ms = max(self.end_ms, end)
        self._pending = [[] for _ in self.tracks]
        self._pending_bytes = 0
        return Fragment(
            data=data,
            runs=described,
            start_s=leading.dts / timescale,
            duration_s=leading.duration / timescale,
            is_independent=leading.number == self._leading + 1 and leading.begins_with_key,
        )

    def finish(self) -> Fragment | None:
        """The rest: nothing more is added."""
        for number, maker in enumerate(self._makers):
            self._keep(number, maker.finish())
        return self.take()

    def _keep(self, number: int, sample: Sample | None) -> None:
        if sample is not None:
            self._pending[number].append(sample)
            self._pending_bytes += len(sample.data)


def _describe(number: int, position: int, samples: list[Sample]) -> Run:
    first, last = samples[0], samples[-1]
    return Run(
        number=number,
        position=position,
        dts=first.dts,
        pts=first.dts + first.composition,
        duration=last.dts + last.duration - first.dts,
        begins_with_key=first.is_key,
    )
