"""Sound and picture that a receiver can recognize: a tone, and a field of one colour with a moving bar."""

from __future__ import annotations

import array
import asyncio
import cmath
import fractions
import math
from collections.abc import Sequence

import av
from aiortc import MediaStreamTrack

WIDTH, HEIGHT, FRAMES_PER_S = 320, 240, 20
SAMPLE_RATE, FRAME_SAMPLES = 48000, 960


class ToneTrack(MediaStreamTrack):
    """A sine tone of a whole number of Hz in 20 ms frames, as a microphone would give it."""

    kind = "audio"

    def __init__(self, frequency_hz: int) -> None:
        super().__init__()
        turn = 2 * math.pi * frequency_hz / SAMPLE_RATE
        self._second = array.array("h", (round(12000 * math.sin(turn * number)) for number in range(SAMPLE_RATE)))
        self._position = 0
        self._next_s: float | None = None

    async def recv(self) -> av.AudioFrame:
        """The next frame, when its time has come."""
        self._next_s = await _pace(self._next_s, FRAME_SAMPLES / SAMPLE_RATE)
        start = self._position % SAMPLE_RATE
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(self._second[start : start + FRAME_SAMPLES].tobytes())
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._position
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._position += FRAME_SAMPLES
        return frame


class ColourTrack(MediaStreamTrack):
    """A picture of one brightness and colour (YCbCr), with a white bar that moves at its top."""

    kind = "video"

    def __init__(self, luma: int, cb: int, cr: int) -> None:
        super().__init__()
        self._planes = (luma, cb, cr)
        self._count = 0
        self._next_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        """The next frame, when its time has come."""
        self._next_s = await _pace(self._next_s, 1 / FRAMES_PER_S)
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for number, plane in enumerate(frame.planes):
            picture = bytearray([self._planes[number]]) * plane.buffer_size
            if number == 0:
                self._draw_bar(picture, plane.line_size)
            plane.update(bytes(picture))
        frame.pts = self._count * 90000 // FRAMES_PER_S
        frame.time_base = fractions.Fraction(1, 90000)
        self._count += 1
        return frame

    def _draw_bar(self, picture: bytearray, line_size: int) -> None:
        left = self._count * 4 % (WIDTH - 16)
        for row in range(16):
            start = row * line_size + left
            picture[start : start + 16] = b"\xeb" * 16


def mean_colour(frame: av.VideoFrame) -> tuple[int, ...]:
    """The mean luma, Cb and Cr of a line below the middle, where no bar moves."""
    means = []
    for plane in frame.reformat(format="yuv420p").planes:
        start = plane.line_size * (plane.height * 3 // 4)
        line = bytes(plane)[start : start + plane.width]
        means.append(round(sum(line) / len(line)))
    return tuple(means)


def left_channel(frame: av.AudioFrame) -> array.array[int]:
    """The samples of the first channel of a packed 16-bit frame."""
    assert frame.format.name == "s16"
    channels = len(frame.layout.channels)
    samples = array.array("h", bytes(frame.planes[0])[: 2 * frame.samples * channels])
    return samples[::channels]


def share_of_tone(samples: Sequence[int], frequency_hz: int, sample_rate: int) -> float:
    """How much of the sound's power is that tone, 0 to 1; 0 for (nearly) silence."""
    power = sum(sample * sample for sample in samples) / len(samples)
    if power < 1000**2:
        return 0.0
    turn = -2j * math.pi * frequency_hz / sample_rate
    amplitude = 2 * abs(sum(sample * cmath.exp(turn * number) for number, sample in enumerate(samples))) / len(samples)
    return amplitude * amplitude / 2 / power


async def _pace(next_s: float | None, interval_s: float) -> float:
    loop = asyncio.get_running_loop()
    if next_s is None:
        return loop.time() + interval_s
    await asyncio.sleep(max(0.0, next_s - loop.time()))
    return next_s + interval_s
