"""Short FLV files from the encoders and the muxer in PyAV, which know enhanced RTMP."""

from __future__ import annotations

import io
from fractions import Fraction

import av

WIDTH, HEIGHT = 320, 180
FRAME_RATE = 25
SAMPLE_RATE_HZ = 48_000
SAMPLES = 1024


def encode(*encoders: str, frames: int = 12, options: dict[str, str] | None = None, pixels: str = "yuv420p") -> bytes:
    """A file with a track for each encoder (``libx264``, ``aac``, …), as long as so many pictures."""
    out = io.BytesIO()
    with av.open(out, "w", format="flv") as container:
        streams = [container.add_stream(name) for name in encoders]
        for stream in streams:
            if isinstance(stream, av.VideoStream):
                stream.rate, stream.options = Fraction(FRAME_RATE), {**(options or {})}
                stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
            elif isinstance(stream, av.AudioStream):
                stream.codec_context.sample_rate, stream.layout = SAMPLE_RATE_HZ, "stereo"
        for index in range(frames):
            for stream in streams:
                if isinstance(stream, av.VideoStream):
                    container.mux(stream.encode(_picture(index, pixels)))
                elif isinstance(stream, av.AudioStream):
                    for sound in _sounds(stream, index):
                        container.mux(stream.encode(sound))
        for stream in streams:
            assert isinstance(stream, av.VideoStream | av.AudioStream)
            container.mux(stream.encode(None))
    return out.getvalue()


def _picture(index: int, pixels: str) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, pixels)
    for plane in frame.planes:
        pattern = bytes(x * x * (index + 1) >> 5 & 0xFF for x in range(plane.line_size))
        plane.update(pattern * (plane.buffer_size // plane.line_size))
    frame.pts = index
    return frame


def _sounds(stream: av.AudioStream, index: int) -> list[av.AudioFrame]:
    """Those that begin while the picture is shown."""
    samples = stream.codec_context.frame_size or SAMPLES
    picture = SAMPLE_RATE_HZ // FRAME_RATE
    frames = []
    for number in range(-(-index * picture // samples), -(-(index + 1) * picture // samples)):
        frame = av.AudioFrame(format=stream.codec_context.format.name, layout="stereo", samples=samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, number * samples, Fraction(1, SAMPLE_RATE_HZ)
        frames.append(frame)
    return frames
