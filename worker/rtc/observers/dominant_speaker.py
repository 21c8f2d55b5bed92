"""Who holds the floor: dominant speaker identification after I. Volfin and I. Cohen.

"Dominant speaker identification for multipoint videoconferencing", Computer Speech and Language 27 (2013) 895-910.
Speech activity is looked at over three spans that nest: immediate (one audio frame of 20 ms, split into ``N1``
sub-bands; here the level of RFC 6464 takes their place), medium (``N2`` frames) and long (``N3`` mediums). In each
span the number of active parts gets a score: how much likelier that number is from speech (binomial) than from a
passing noise (exponential). A speaker takes the floor when all three scores beat those of the present speaker by the
margins ``C1``, ``C2`` and ``C3``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

_N1 = 13  # parts of an immediate
_N2 = 5  # frames of a medium
_N3 = 10  # mediums of the long span
_C1, _C2, _C3 = 3.0, 2.0, 0.0  # margins of the immediate, medium and long score
_IMMEDIATE_ACTIVE = 7  # a frame with more active parts than this counts in its medium
_MEDIUM_ACTIVE = 4  # a medium with more active frames than this counts in the long span
_PROBABILITY = 0.5  # that a part is active while its speaker talks
_LAMBDAS = (0.78, 24.0, 47.0)  # rate of the noise model, per span
_MIN_SCORE = 1e-10

_MAX_LEVEL = 127
_FRAMES = _N2 * _N3
_FRAME_US = 20_000
_PART = -(-_MAX_LEVEL // _N1)  # levels per part, rounded up
_FLOOR_WINDOW = 750  # levels (15 s) after which the noise floor follows upwards

_IDLE_LEVEL_US = 40_000  # who sends nothing for longer is silent (DTX)
_IDLE_SPEAKER_US = 3_600_000_000  # who sends nothing for longer cannot take the floor until resumed


def _score_table(parts: int, rate: float) -> tuple[float, ...]:
    """The score of 0..parts active parts: log of the binomial over the exponential likelihood, bounded below."""
    return tuple(
        max(
            math.log(math.comb(parts, active))
            + active * math.log(_PROBABILITY)
            + (parts - active) * math.log(1 - _PROBABILITY)
            - math.log(rate)
            + rate * active,
            _MIN_SCORE,
        )
        for active in range(parts + 1)
    )


_IMMEDIATE_SCORES = _score_table(_N1, _LAMBDAS[0])
_MEDIUM_SCORES = _score_table(_N2, _LAMBDAS[1])
_LONG_SCORES = _score_table(_N3, _LAMBDAS[2])


class Speaker:
    """The levels of one audio source over the last second, and its noise floor."""

    def __init__(self, now_us: int, *, paused: bool) -> None:
        self.paused = paused
        self.last_level_us = now_us
        self._levels: deque[int] = deque([0] * _FRAMES, maxlen=_FRAMES)  # newest last
        self._floor = 0  # 0: none seen yet
        self._next_floor = 0
        self._next_floor_count = 0

    def add_level(self, level: int, now_us: int) -> None:
        """Takes the loudness 0 (silence) to 127 (loudest) of what was said since the last call.

        The algorithm lives on one level per 20 ms; a longer silence between two calls (DTX, larger frames) counts as
        that many frames.
        """
        frames = min(max((now_us - self.last_level_us) // _FRAME_US, 1), _FRAMES)
        self.last_level_us = now_us
        self._levels.extend([level] * frames)
        if level > 0:
            self._follow_floor(level)

    def scores(self) -> tuple[float, float, float]:
        """The activity scores of the immediate, the medium and the long span that end now."""
        threshold = self._floor + _PART
        immediates = [(level if level >= threshold else 0) // _PART for level in reversed(self._levels)]
        mediums = [_count_above(immediates[start : start + _N2], _IMMEDIATE_ACTIVE) for start in range(0, _FRAMES, _N2)]
        return (
            _IMMEDIATE_SCORES[immediates[0]],
            _MEDIUM_SCORES[mediums[0]],
            _LONG_SCORES[_count_above(mediums, _MEDIUM_ACTIVE)],
        )

    def _follow_floor(self, level: int) -> None:
        if self._floor == 0 or level < self._floor:
            self._floor = level
            self._next_floor = self._next_floor_count = 0
            return
        self._next_floor = level if self._next_floor == 0 else min(self._next_floor, level)
        self._next_floor_count += 1
        if self._next_floor_count >= _FLOOR_WINDOW:
            self._floor = min(int(math.sqrt(self._floor * self._next_floor)), _MAX_LEVEL)
            self._next_floor = self._next_floor_count = 0


def _count_above(values: Sequence[int], threshold: int) -> int:
    return sum(value > threshold for value in values)


class DominantSpeaker:
    """Picks the dominant one of several speakers."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._speakers: dict[str, Speaker] = {}

    def __contains__(self, speaker_id: object) -> bool:
        return speaker_id in self._speakers

    def add(self, speaker_id: str, now_us: int, *, paused: bool) -> None:
        """Somebody who may speak joins."""
        self._speakers[speaker_id] = Speaker(now_us, paused=paused)

    def remove(self, speaker_id: str) -> bool:
        """Somebody leaves; True when it was the dominant speaker, so that another should be sought."""
        self._speakers.pop(speaker_id, None)
        if speaker_id != self.current:
            return False
        self.current = None
        return True

    def set_paused(self, speaker_id: str, paused: bool) -> None:
        """A paused speaker cannot take the floor (it keeps it until somebody else does)."""
        self._speakers[speaker_id].paused = paused

    def add_levels(self, speaker_id: str, levels: Sequence[int], now_us: int) -> None:
        """Takes the loudness, 0 (silence) to 127, of each packet that came since the last call, oldest first."""
        speaker = self._speakers[speaker_id]
        since_us = now_us - speaker.last_level_us
        begin_us = speaker.last_level_us
        for index, level in enumerate(levels, 1):
            speaker.add_level(level, begin_us + since_us * index // len(levels))

    def update(self, now_us: int) -> bool:
        """Judges anew; True when the dominant speaker (``current``) has changed."""
        self._time_out(now_us)
        winner = self._winner()
        if winner is None or winner == self.current:
            return False
        self.current = winner
        return True

    def _time_out(self, now_us: int) -> None:
        for speaker_id, speaker in self._speakers.items():
            idle_us = now_us - speaker.last_level_us
            if idle_us > _IDLE_SPEAKER_US and speaker_id != self.current:
                speaker.paused = True
            elif idle_us > _IDLE_LEVEL_US:
                speaker.add_level(0, now_us)

    def _winner(self) -> str | None:
        if not self._speakers:
            return None
        winner = None
        if self.current is None:  # somebody has to be compared with: the first one holds the floor until beaten
            winner = next(iter(self._speakers))
        if len(self._speakers) == 1:
            return winner
        floor_holder = self._speakers[self.current if self.current is not None else next(iter(self._speakers))]
        held = floor_holder.scores()
        best = _C2
        for speaker_id, speaker in self._speakers.items():
            if speaker is floor_holder or speaker.paused:
                continue
            c1, c2, c3 = (math.log(score / other) for score, other in zip(speaker.scores(), held, strict=True))
            if c1 > _C1 and c2 > best and c3 > _C3:
                best, winner = c2, speaker_id
        return winner
