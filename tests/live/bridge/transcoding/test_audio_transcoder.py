"""Sound through real decoders and encoders: what was heard is heard, at its time, whatever is lost or late."""

from __future__ import annotations

import array
import asyncio
import itertools
import math
import time

import pytest

from miso.live.bridge.transcoding.audio_transcoder import AAC, OPUS, RATE_HZ, AudioTranscoder, Sound, TimedPayload
from miso.live.bridge.transcoding.worker_thread import MAX_WAITING, TranscodedTrack, TranscodingThread
from miso.live.errors import RefusedError
from miso.live.media.aac import read_aac_config
from miso.live.media.codec import Codec

av = pytest.importorskip("av", reason="PyAV is missing")

TONE_HZ = 440
BEEP_AT_S = 1.0
SECONDS = 2
AAC_FRAME = 1_024


def beep(rate_hz: int, layout: str, codec: str, seconds: float = SECONDS) -> tuple[bytes, list[TimedPayload]]:
    """Silence, and from a second on a tone; the encoder's configuration and its packets."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, layout, "fltp" if codec == "aac" else "flt"
    encoder.open()
    size = encoder.frame_size
    channels = 1 if layout == "mono" else 2
    packets = []
    for start in range(0, int(rate_hz * seconds) - size, size):
        values = [
            0.5 * math.sin(2 * math.pi * TONE_HZ * at / rate_hz) if at >= BEEP_AT_S * rate_hz else 0.0
            for at in range(start, start + size)
        ]
        frame = av.AudioFrame(format=encoder.format.name, layout=layout, samples=size)
        if codec == "aac":
            for plane in frame.planes:
                plane.update(array.array("f", values).tobytes())
        else:
            frame.planes[0].update(array.array("f", [value for value in values for _ in range(channels)]).tobytes())
        frame.sample_rate, frame.pts = rate_hz, start
        packets += [TimedPayload(1_000 * packet.pts // rate_hz, bytes(packet)) for packet in encoder.encode(frame)]
    return bytes(encoder.extradata or b""), packets


def heard(sounds: list[Sound], codec: str, config: bytes = b"") -> list[tuple[float, float]]:
    """Time and loudness of every 10 ms, by the decoder."""
    decoder = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = RATE_HZ, "stereo"
    if config:
        decoder.extradata = config
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    loudness = []
    for sound in sounds:
        at = sound.samples
        for decoded in decoder.decode(av.Packet(sound.payload)):
            for frame in resampler.resample(decoded):
                values = array.array("f", bytes(frame.planes[0])[: 4 * frame.samples])
                for start in range(0, len(values), RATE_HZ // 100):
                    part = values[start : start + RATE_HZ // 100]
                    loudness.append(((at + start) / RATE_HZ, math.sqrt(sum(v * v for v in part) / len(part))))
                at += frame.samples
    return loudness


def begins_s(loudness: list[tuple[float, float]]) -> float:
    return next(at_s for at_s, level in loudness if level > 0.1)


@pytest.mark.parametrize(("rate_hz", "layout"), [(48_000, "stereo"), (44_100, "stereo"), (22_050, "mono")])
def test_aac_is_heard_as_opus_at_its_time(rate_hz: int, layout: str) -> None:
    config, packets = beep(rate_hz, layout, "aac")
    sounds = AudioTranscoder(Codec.AAC, config, OPUS).transcode(packets)
    assert {later.samples - sound.samples for sound, later in itertools.pairwise(sounds)} == {960}
    loudness = heard(sounds, "libopus")
    assert begins_s(loudness) == pytest.approx(BEEP_AT_S, abs=0.03)
    assert loudness[-1][0] == pytest.approx(SECONDS - 0.1, abs=0.08)
    assert min(level for at_s, level in loudness if at_s > 1.1) > 0.3


@pytest.mark.parametrize("layout", ["stereo", "mono"])
def test_opus_is_heard_as_aac_at_its_time(layout: str) -> None:
    _, packets = beep(48_000, layout, "libopus")
    transcoder = AudioTranscoder(Codec.OPUS, b"", AAC)
    sounds = transcoder.transcode(packets)
    config = read_aac_config(transcoder.config)
    assert (config.sample_rate_hz, config.channels) == (RATE_HZ, 2)
    assert {later.samples - sound.samples for sound, later in itertools.pairwise(sounds)} == {AAC_FRAME}
    assert begins_s(heard(sounds, "aac", transcoder.config)) == pytest.approx(BEEP_AT_S, abs=0.03)


def test_what_is_lost_is_silence_and_the_rest_keeps_its_time() -> None:
    _, packets = beep(48_000, "stereo", "libopus")
    kept = [packet for packet in packets if not 300 <= packet.time_ms < 700 and packet.time_ms % 180]
    transcoder = AudioTranscoder(Codec.OPUS, b"", AAC)
    sounds = transcoder.transcode(kept)
    assert begins_s(heard(sounds, "aac", transcoder.config)) == pytest.approx(BEEP_AT_S, abs=0.05)
    times = [sound.samples for sound in sounds]
    assert times == sorted(times)


def test_what_comes_twice_is_heard_once() -> None:
    _, packets = beep(48_000, "stereo", "libopus")
    again = [packet for packet in packets if 200 <= packet.time_ms < 400]
    transcoder = AudioTranscoder(Codec.OPUS, b"", AAC)
    sounds = transcoder.transcode([*packets[:20], *again, *packets[20:]])
    assert begins_s(heard(sounds, "aac", transcoder.config)) == pytest.approx(BEEP_AT_S, abs=0.05)


def test_a_long_absence_is_a_hole_and_not_minutes_of_silence() -> None:
    _, packets = beep(48_000, "stereo", "libopus")
    later = [TimedPayload(600_000 + packet.time_ms, packet.payload) for packet in packets]
    sounds = AudioTranscoder(Codec.OPUS, b"", AAC).transcode([*packets, *later])
    assert len(sounds) < 2 * len(packets) + 4
    holes = [(one, two) for one, two in itertools.pairwise(sounds) if two.samples - one.samples != AAC_FRAME]
    assert len(holes) == 1
    assert holes[0][1].time_ms == pytest.approx(600_000, abs=30)


def test_silence_goes_on_while_nothing_comes() -> None:
    _, packets = beep(48_000, "stereo", "libopus")
    transcoder = AudioTranscoder(Codec.OPUS, b"", AAC)
    assert transcoder.silence_until(500) == []
    sounds = transcoder.transcode(packets[:10])
    for until_ms in range(300, 5_000, 100):
        sounds += transcoder.silence_until(until_ms)
    assert sounds[-1].time_ms == pytest.approx(4_850, abs=40)
    assert {later.samples - sound.samples for sound, later in itertools.pairwise(sounds)} == {AAC_FRAME}
    sounds += transcoder.transcode([TimedPayload(5_000 + packet.time_ms, packet.payload) for packet in packets])
    assert begins_s(heard(sounds, "aac", transcoder.config)) == pytest.approx(5 + BEEP_AT_S, abs=0.05)


def test_packets_that_are_none_are_counted_and_passed_over() -> None:
    config, packets = beep(48_000, "stereo", "aac")
    transcoder = AudioTranscoder(Codec.AAC, config, OPUS)
    mixed = [*packets[:30], *(TimedPayload(packets[30].time_ms, bytes((7, size))) for size in range(5)), *packets[30:]]
    sounds = transcoder.transcode(mixed)
    assert transcoder.broken == 5
    assert begins_s(heard(sounds, "libopus")) == pytest.approx(BEEP_AT_S, abs=0.06)


def test_sound_without_a_decoder_is_refused() -> None:
    with pytest.raises(RefusedError, match="fLaC sound cannot be converted"):
        AudioTranscoder(Codec.FLAC, b"", OPUS)


async def test_the_loop_goes_on_while_sound_is_converted() -> None:
    config, packets = beep(48_000, "stereo", "aac")
    thread = TranscodingThread()
    got: list[Sound] = []
    done = asyncio.Event()

    def take(config: bytes, sounds: list[Sound]) -> None:
        got.extend(sounds)
        if got[-1].time_ms > 1_800:
            done.set()

    track = TranscodedTrack(thread, Codec.AAC, config, OPUS, take)
    running = asyncio.create_task(track.run())
    for packet in packets:
        track.put(packet)
    loop_cpu_s = time.thread_time()
    await asyncio.wait_for(done.wait(), 60)
    assert time.thread_time() - loop_cpu_s < 0.005 * SECONDS
    assert begins_s(heard(got, "libopus")) == pytest.approx(BEEP_AT_S, abs=0.03)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for packet in packets * (MAX_WAITING // len(packets) + 1):
        track.put(packet)
    assert track.dropped > 0
    thread.close()
