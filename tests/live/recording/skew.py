"""How far apart picture and sound are in a file of flashes and beeps (:mod:`tests.live.bridge.flashes`)."""

from __future__ import annotations

import array
import math
from pathlib import Path

import av

from tests.live.bridge.flashes import RATE_HZ

_BRIGHT = 128
_LOUD = 0.1
_LOOKED_AT_S = 0.005
_QUIET_S = 0.5
_WHOLE_S = 0.07


def events_s(path: Path) -> tuple[list[float], list[float]]:
    """When it flashes, and when it beeps, in seconds, by the file's own times."""
    return _begins(_brightness(path), _BRIGHT), _begins(_loudness(path), _LOUD)


def skews_ms(path: Path) -> list[tuple[float, int]]:
    """When each beep comes, in seconds, and how much later that is than the flash nearest to it, in milliseconds."""
    flashes, beeps = events_s(path)
    return [(beep, round(1_000 * (beep - min(flashes, key=lambda flash: abs(beep - flash))))) for beep in beeps]


def _brightness(path: Path) -> list[tuple[float, float]]:
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = bytes(frame.planes[0])[::101]
            assert frame.time is not None
            found.append((frame.time, sum(plane) / len(plane)))
    return found


def _loudness(path: Path) -> list[tuple[float, float]]:
    found = []
    looked_at = int(RATE_HZ * _LOOKED_AT_S)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as container:
        for decoded in container.decode(audio=0):
            assert decoded.time is not None
            time_s = decoded.time
            decoded.pts = None
            for frame in resampler.resample(decoded):
                values = array.array("f", bytes(frame.planes[0])[: 4 * frame.samples])
                for start in range(0, len(values), looked_at):
                    part = values[start : start + looked_at]
                    level = math.sqrt(sum(value * value for value in part) / len(part))
                    found.append((time_s + start / RATE_HZ, level))
                time_s += frame.samples / RATE_HZ
    return found


def _begins(levels: list[tuple[float, float]], limit: float) -> list[float]:
    """When it is above the limit, and was not for a while: within an event something may be lost.

    An event that is too short has lost its beginning, or its end: it says nothing of when it began.
    """
    events: list[tuple[float, float]] = []
    for time_s, level in levels:
        if level > limit:
            if events and time_s - events[-1][1] <= _QUIET_S:
                events[-1] = (events[-1][0], time_s)
            else:
                events.append((time_s, time_s))
    return [begin_s for begin_s, end_s in events if end_s - begin_s > _WHOLE_S]
