"""A live stream that flashes and beeps at the same moments, once a second; and when both were seen and heard."""

from __future__ import annotations

import array
import asyncio
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av

from miso.live.media.avc import make_avc_config
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.nal_units import join_nal_units
from miso.live.media.packet import Packet
from miso.live.streams.publication import Publication

WIDTH, HEIGHT, FRAME_RATE = 320, 180, 25
RATE_HZ = 48_000
AAC_FRAME = 1_024
EVENT_S = 0.12
TONE_HZ = 1_000
VIDEO, AUDIO = TrackId(Kind.VIDEO), TrackId(Kind.AUDIO)


def is_event(at_s: float) -> bool:
    """Whether it flashes and beeps then: for a while from each full second on."""
    return at_s >= 1 and at_s % 1 < EVENT_S


def flashes(
    seconds: float,
    *,
    gop: int = 1_000,
    sound: str = "aac",
    pictures: bool = True,
    options: dict[str, str] | None = None,
    sound_drift: float = 0.0,
) -> list[Packet]:
    """The stream's packets, in the order of their times.

    Args:
        seconds: How long.
        gop: Pictures from key frame to key frame.
        sound: Its encoder; empty: none.
        pictures: Whether there are any.
        options: Of the pictures' encoder.
        sound_drift: The clock of the sound is so much faster than that of the pictures, and the sound's times are its
            own: beeps still come when flashes do.
    """
    packets = _pictures(seconds, gop, options or {}) if pictures else []
    packets += _sounds(seconds, sound, sound_drift) if sound else []
    return sorted(packets, key=lambda packet: (packet.dts_ms, not packet.is_config))


def _pictures(seconds: float, gop: int, options: dict[str, str]) -> list[Packet]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FRAME_RATE), Fraction(FRAME_RATE)
    defaults = {"preset": "ultrafast", "bf": "0", "g": str(gop), "sc_threshold": "0", "profile": "main"}
    encoder.options = {**defaults, **options}
    made = []
    for index in range(int(seconds * FRAME_RATE)):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        brightness = 235 if is_event(index / FRAME_RATE) else 30
        for plane, value in zip(frame.planes, (brightness, 128, 128), strict=True):
            plane.update(bytes((value,)) * plane.buffer_size)
        frame.pts = index
        made += encoder.encode(frame)
    made += encoder.encode(None)
    packets: list[Packet] = []
    for packet in made:
        assert packet.pts is not None
        assert packet.dts is not None
        units = [unit for unit in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        dts_ms = 1_000 * packet.dts // FRAME_RATE
        if packet.is_keyframe and not packets:
            sets = [[unit for unit in units if unit[0] & 31 == kind] for kind in (7, 8)]
            record = make_avc_config(*sets).to_bytes()
            packets.append(Packet(VIDEO, Codec.H264, dts_ms, record, is_config=True))
        payload = join_nal_units(unit for unit in units if unit[0] & 31 not in (7, 8))
        composition_ms = 1_000 * (packet.pts - packet.dts) // FRAME_RATE
        packets.append(
            Packet(VIDEO, Codec.H264, dts_ms, payload, is_key=packet.is_keyframe, composition_ms=composition_ms)
        )
    return packets


def _sounds(seconds: float, name: str, drift: float) -> list[Packet]:
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    is_aac = name == "aac"
    encoder.sample_rate, encoder.layout, encoder.format = RATE_HZ, "stereo", "fltp" if is_aac else "flt"
    encoder.open()
    size = encoder.frame_size
    codec = Codec.AAC if is_aac else Codec.OPUS
    packets = [Packet(AUDIO, codec, 0, bytes(encoder.extradata or b""), is_config=True)] if is_aac else []
    rate_hz = RATE_HZ * (1 + drift)
    for start in range(0, int(seconds * rate_hz) - size, size):
        if is_event(start / rate_hz) or is_event((start + size - 1) / rate_hz):
            values = array.array(
                "f",
                (
                    0.5 * math.sin(2 * math.pi * TONE_HZ * at / rate_hz) if is_event(at / rate_hz) else 0.0
                    for at in range(start, start + size)
                ),
            )
        else:
            values = array.array("f", bytes(4 * size))
        frame = av.AudioFrame(format=encoder.format.name, layout="stereo", samples=size)
        both = [values, values] if is_aac else [array.array("f", (value for value in values for _ in range(2)))]
        for plane, one in zip(frame.planes, both, strict=True):
            plane.update(one.tobytes())
        frame.sample_rate, frame.pts = RATE_HZ, start
        for packet in encoder.encode(frame):
            assert packet.pts is not None
            packets.append(Packet(AUDIO, codec, max(0, round(packet.pts / 48)), bytes(packet), is_key=True))
    return packets


async def publish(publication: Publication, packets: Iterable[Packet], begin_ms: int = 0) -> None:
    """Writes packets when they are due; those before ``begin_ms`` at once."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for packet in packets:
        wait_s = (packet.dts_ms - begin_ms) / 1_000 - (loop.time() - began_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        publication.write(packet)


class Eye:
    """Decodes pictures, in their order.

    Attributes:
        seen: Time and brightness of each.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []
        self._decoder: av.VideoCodecContext | None = None

    def see(self, packet: Packet) -> None:
        if packet.is_config:
            decoder = av.CodecContext.create("h264", "r")
            assert isinstance(decoder, av.VideoCodecContext)
            decoder.extradata, decoder.options = packet.payload, {"err_detect": "explode", "flags": "low_delay"}
            self._decoder = decoder
            return
        assert self._decoder is not None
        for frame in self._decoder.decode(av.Packet(packet.payload)):
            assert not frame.is_corrupt
            plane = bytes(frame.planes[0])
            self.seen.append((packet.dts_ms, sum(plane[::101]) / len(plane[::101])))

    @property
    def flashes_ms(self) -> list[int]:
        return _begins([(time_ms, brightness > 128) for time_ms, brightness in self.seen])


class Ear:
    """Decodes sound, in its order.

    Attributes:
        heard: Time and loudness of every 5 ms.
    """

    def __init__(self, name: str, config: bytes = b"") -> None:
        self.heard: list[tuple[int, float]] = []
        decoder = av.CodecContext.create(name, "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.sample_rate, decoder.layout = RATE_HZ, "stereo"
        if config:
            decoder.extradata = config
        self._decoder = decoder
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)

    def hear(self, time_ms: int, payload: bytes) -> None:
        at_ms = float(time_ms)
        for decoded in self._decoder.decode(av.Packet(payload)):
            decoded.pts = None
            for frame in self._resampler.resample(decoded):
                values = array.array("f", bytes(frame.planes[0])[: 4 * frame.samples])
                for start in range(0, len(values), RATE_HZ // 200):
                    part = values[start : start + RATE_HZ // 200]
                    level = math.sqrt(sum(value * value for value in part) / len(part))
                    self.heard.append((round(at_ms + 1_000 * start / RATE_HZ), level))
                at_ms += 1_000 * frame.samples / RATE_HZ

    @property
    def beeps_ms(self) -> list[int]:
        return _begins([(time_ms, level > 0.1) for time_ms, level in self.heard])


def _begins(marks: Sequence[tuple[int, bool]]) -> list[int]:
    return [
        time_ms for (time_ms, is_on), (_, was_on) in zip(marks[1:], marks[:-1], strict=True) if is_on and not was_on
    ]


def skews_ms(flashes_ms: Sequence[int], beeps_ms: Sequence[int]) -> list[int]:
    """How much later each beep came than the flash nearest to it."""
    return [beep - min(flashes_ms, key=lambda flash: abs(beep - flash)) for beep in beeps_ms]
