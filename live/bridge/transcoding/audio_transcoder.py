"""Decodes one track's sound and encodes it anew, with the time of each sample kept.

PyAV is imported when the first transcoder is made, not before: it takes 40 MB and half a second, which nobody pays who
bridges no sound. So transcoders are made and used in a thread (:mod:`miso.live.bridge.transcoding.worker_thread`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from miso.live.errors import RefusedError
from miso.live.media.codec import Codec

if TYPE_CHECKING:
    import av

RATE_HZ: Final = 48_000
"""Of what is encoded: the only rate that RTP's Opus has, and one that every player of AAC knows."""
_PER_MS = RATE_HZ // 1_000
_TOLERANCE = 40 * _PER_MS
# A longer hole is left as one: who was away for minutes is not given minutes of silence.
_MAX_SILENCE = RATE_HZ
_MAX_FRAMES_PER_PACKET = 32
_LAYOUT = "stereo"
_DECODERS = {Codec.AAC: "aac", Codec.OPUS: "libopus", Codec.MP3: "mp3"}


@dataclass(frozen=True, slots=True)
class Target:
    """What is encoded.

    Attributes:
        encoder: ffmpeg's name of the encoder.
        sample_format: What it takes.
        bitrate: In bit/s.
        frame_samples: In a packet of it.
        options: Its own.
    """

    encoder: str
    sample_format: str
    bitrate: int
    frame_samples: int
    options: tuple[tuple[str, str], ...]


OPUS: Final = Target(
    "libopus", "flt", 96_000, 960, (("application", "audio"), ("frame_duration", "20"), ("compression_level", "5"))
)
AAC: Final = Target("aac", "fltp", 128_000, 1_024, (("aac_coder", "fast"),))


class Sound(NamedTuple):
    """A coded packet of sound.

    Attributes:
        samples: When it is heard, in samples at 48 kHz since the stream's beginning; may be negative at its start, by
            what the encoder needs before the first sound.
        payload: The coded bits.
    """

    samples: int
    payload: bytes

    @property
    def time_ms(self) -> int:
        """When it is heard."""
        return round(self.samples / _PER_MS)


class TimedPayload(NamedTuple):
    """A packet to be decoded.

    Attributes:
        time_ms: When it is heard.
        payload: The coded bits.
    """

    time_ms: int
    payload: bytes


class AudioTranscoder:
    """Of one track. Times of what comes need not be exact: small differences are passed over, for they would click.

    Attributes:
        broken: Packets that could not be decoded.

    Args:
        source: How the packets that come are coded.
        config: The source's configuration record; empty where it has none.
        target: What they become.

    Raises:
        RefusedError: There is no decoder for it, or PyAV is not installed, or has no such encoder.
    """

    def __init__(self, source: Codec, config: bytes, target: Target) -> None:
        self.broken = 0
        self._target = target
        try:
            import av
        except ImportError as error:
            raise RefusedError("sound cannot be converted: PyAV is not installed (pip install av)") from error
        self._av = av
        name = _DECODERS.get(source)
        if name is None:
            raise RefusedError(f"{source.value} sound cannot be converted, only {_names(_DECODERS)}")
        try:
            decoder = av.CodecContext.create(name, "r")
            self._encoder = self._make_encoder()
        except (ValueError, av.FFmpegError) as error:
            raise RefusedError(f"sound cannot be converted: {error}") from error
        assert isinstance(decoder, av.AudioCodecContext)
        if source is Codec.OPUS:
            decoder.sample_rate, decoder.layout = RATE_HZ, _LAYOUT
        elif config:
            decoder.extradata = config
        self._decoder = decoder
        self._resampler = self._make_resampler()
        self._fifo = av.AudioFifo()
        self._next: int | None = None  # the time of the next sample to be put into the fifo
        self._encoded: int | None = None  # the time of the next sample to be taken out of it

    @property
    def config(self) -> bytes:
        """The target's configuration record (of AAC)."""
        return bytes(self._encoder.extradata or b"")

    def transcode(self, packets: Iterable[TimedPayload]) -> list[Sound]:
        """What can be heard of the packets; some of it comes with the next ones."""
        return [sound for packet in packets for sound in self._transcode_one(packet)]

    def silence_until(self, time_ms: int) -> list[Sound]:
        """Nothing came until that time: silence in its place, at most a second of it. It may begin the track."""
        wanted = time_ms * _PER_MS
        if self._next is None:
            self._next = self._encoded = wanted
        missing = min(wanted - self._next, _MAX_SILENCE)
        if missing <= 0:
            return []
        self._put_silence(missing)
        return list(self._encode())

    def _transcode_one(self, packet: TimedPayload) -> Iterator[Sound]:
        wanted = packet.time_ms * _PER_MS
        try:
            frames = self._decoder.decode(self._av.Packet(packet.payload))[:_MAX_FRAMES_PER_PACKET]
            resampled = [one for frame in frames for one in self._resample(frame)]
        except (self._av.FFmpegError, ValueError):
            self.broken += 1
            return
        for frame in resampled:
            if self._align(wanted):
                frame.pts = None
                self._fifo.write(frame)
                assert self._next is not None
                self._next += frame.samples
            wanted += frame.samples
        yield from self._encode()

    def _resample(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """A source may change its rate or channels in its midst."""
        frame.pts = None
        try:
            return self._resampler.resample(frame)
        except ValueError:
            self._resampler = self._make_resampler()
            return self._resampler.resample(frame)

    def _align(self, wanted: int) -> bool:
        """Makes the next sample's time what it is to be; False: it has its sound already."""
        if self._next is None:
            self._next = self._encoded = wanted
        missing = wanted - self._next
        if missing > _MAX_SILENCE:
            self._begin_anew(wanted)
        elif missing > _TOLERANCE:
            self._put_silence(missing)
        return missing >= -_TOLERANCE

    def _begin_anew(self, wanted: int) -> None:
        self._fifo = self._av.AudioFifo()
        self._encoder = self._make_encoder()
        self._next = self._encoded = wanted

    def _put_silence(self, samples: int) -> None:
        frame = self._av.AudioFrame(format=self._target.sample_format, layout=_LAYOUT, samples=samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = RATE_HZ
        self._fifo.write(frame)
        assert self._next is not None
        self._next += samples

    def _encode(self) -> Iterator[Sound]:
        while (frame := self._fifo.read(self._target.frame_samples)) is not None:
            assert self._encoded is not None
            frame.pts, frame.time_base = self._encoded, Fraction(1, RATE_HZ)
            self._encoded += frame.samples
            for packet in self._encoder.encode(frame):
                assert packet.pts is not None
                yield Sound(packet.pts, bytes(packet))

    def _make_encoder(self) -> av.AudioCodecContext:
        target = self._target
        encoder = self._av.CodecContext.create(target.encoder, "w")
        assert isinstance(encoder, self._av.AudioCodecContext)
        encoder.format, encoder.layout, encoder.sample_rate = target.sample_format, _LAYOUT, RATE_HZ
        encoder.bit_rate, encoder.time_base = target.bitrate, Fraction(1, RATE_HZ)
        encoder.options = dict(target.options)
        encoder.open()
        return encoder

    def _make_resampler(self) -> av.AudioResampler:
        return self._av.AudioResampler(format=self._target.sample_format, layout=_LAYOUT, rate=RATE_HZ)


def _names(codecs: Iterable[Codec]) -> str:
    return ", ".join(codec.value for codec in codecs)
