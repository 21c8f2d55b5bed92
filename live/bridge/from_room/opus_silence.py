"""Silence where no Opus comes, in packets of Opus: many players stop when one of a stream's tracks stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

SILENCE: Final = b"\xfc\xff\xfe"
"""20 ms of it, stereo (RFC 6716, section 3.1: configuration 31, one frame, which says only that it is silent)."""
_SILENCE_MS: Final = 20
_TOLERANCE_MS: Final = 40
# A longer hole is left as one: who was away for minutes is not given minutes of silence.
_MAX_MS: Final = 1_000
# Of a frame, in 48ths of a millisecond, by the four lengths of each group of configurations (table 2).
_SILK: Final = (480, 960, 1_920, 2_880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
_DURATIONS: Final = _SILK * 3 + _HYBRID * 2 + _CELT * 4
_CODE_MASK: Final = 0x03
_COUNT_MASK: Final = 0x3F


class OpusSilence:
    """Knows up to when there is sound."""

    def __init__(self) -> None:
        self._next_ms: float | None = None

    def is_late(self, time_ms: int) -> bool:
        """Whether a packet of that time comes when its time has had its sound, or silence, already."""
        return self._next_ms is not None and self._next_ms - time_ms > _TOLERANCE_MS

    def before(self, time_ms: int, payload: bytes) -> Iterator[int]:
        """A packet comes, not late: when there is silence before it, packet by packet."""
        if self._next_ms is not None and time_ms - self._next_ms > _TOLERANCE_MS:
            yield from self.until(time_ms)
        self._next_ms = time_ms + duration_ms(payload)

    def until(self, time_ms: int) -> Iterator[int]:
        """Nothing has come up to that time: when there is silence; it may begin the track."""
        if self._next_ms is None or time_ms - self._next_ms > _MAX_MS:
            self._next_ms = float(time_ms)
        while time_ms - self._next_ms >= _SILENCE_MS:
            yield round(self._next_ms)
            self._next_ms += _SILENCE_MS


def duration_ms(payload: bytes) -> float:
    """How long a packet is heard (RFC 6716, section 3.1); of an empty one nothing."""
    if not payload:
        return 0.0
    counts = (1, 2, 2, payload[1] & _COUNT_MASK if len(payload) > 1 else 0)
    return counts[payload[0] & _CODE_MASK] * _DURATIONS[payload[0] >> 3] / 48
