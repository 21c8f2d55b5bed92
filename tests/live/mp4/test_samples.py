"""Times of samples, from stamps that are whole milliseconds and stray, repeat or jump."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.mp4.samples import Sample, SampleMaker
from miso.live.mp4.track import make_track
from tests.live.media import records

AUDIO, VIDEO = TrackId(Kind.AUDIO), TrackId(Kind.VIDEO)


def sound(dts_ms: int) -> Packet:
    return Packet(AUDIO, Codec.AAC, dts_ms, b"\1", is_key=True)


def picture(dts_ms: int, composition_ms: int = 0) -> Packet:
    return Packet(VIDEO, Codec.H264, dts_ms, b"\1", composition_ms=composition_ms, is_key=True)


def samples_of(packets: list[Packet], origin_ms: int = 0) -> list[Sample]:
    codec = Codec.AAC if packets[0].track is AUDIO else Codec.H264
    record = records.AAC if codec is Codec.AAC else records.H264
    config = Packet(packets[0].track, codec, 0, record, is_config=True)
    maker = SampleMaker(make_track(config, packets[0]), origin_ms)
    made = [maker.add(packet) for packet in packets]
    assert made[0] is None
    assert None not in made[1:]
    return [sample for sample in [*made, maker.finish()] if sample is not None]


def test_a_picture_lasts_until_the_next_and_the_last_as_long_as_the_one_before() -> None:
    made = samples_of([picture(0), picture(40), picture(120), picture(140)])
    assert [(sample.dts, sample.duration) for sample in made] == [(0, 3600), (3600, 7200), (10800, 1800), (12600, 1800)]


def test_a_lone_picture_lasts_a_little() -> None:
    assert [sample.duration for sample in samples_of([picture(0)])] == [3600]


def test_sound_that_strays_by_less_than_20_ms_is_continuous() -> None:
    made = samples_of([sound(ms) for ms in (0, 40, 25, 64, 85)])
    assert [sample.dts for sample in made] == [0, 1024, 2048, 3072, 4096]


def test_sound_that_pauses_goes_on_at_its_time() -> None:
    made = samples_of([sound(ms) for ms in (0, 21, 1000, 1021)])
    assert [sample.dts for sample in made] == [0, 1024, 48_000, 49_024]


def test_sound_of_an_encoder_with_a_slow_clock_stays_within_20_ms_of_its_stamps() -> None:
    stamps = [index * 22 for index in range(1000)]
    made = samples_of([sound(ms) for ms in stamps])
    assert max(abs(sample.dts / 48 - ms) for sample, ms in zip(made, stamps, strict=True)) <= 20


def test_sound_whose_first_stamps_were_wrong_soon_goes_by_its_stamps_again() -> None:
    stamps = [0, *(round(3 + index * 1024 / 48) for index in range(100))]  # 18 ms earlier than the first one says
    made = samples_of([sound(ms) for ms in stamps])
    late_ms = [sample.dts / 48 - ms for sample, ms in zip(made, stamps, strict=True)]
    assert max(late_ms[1:10]) > 15
    assert max(map(abs, late_ms[40:])) <= 1


def test_sound_whose_stamps_stray_to_both_sides_stays_continuous() -> None:
    made = samples_of([sound(round(100 + index * 1024 / 48) + (8, -8)[index % 2]) for index in range(500)])
    assert {sample.duration for sample in made} == {1024}


def test_nanoseconds_count() -> None:
    packets = [Packet(VIDEO, Codec.H264, 0, b"\1", nanosecond_offset=ns) for ns in (0, 500_000)]
    assert [sample.dts for sample in samples_of(packets)] == [0, 45]


@given(
    st.lists(st.tuples(st.integers(0, 1 << 45), st.integers(-(1 << 40), 1 << 40)), min_size=1),
    st.integers(0, 1 << 40),
    st.sampled_from([AUDIO, VIDEO]),
)
def test_whatever_the_stamps_times_grow_and_durations_fill_them(
    times: list[tuple[int, int]], origin_ms: int, track: TrackId
) -> None:
    packets = [
        Packet(track, Codec.AAC if track is AUDIO else Codec.H264, dts_ms, b"\1", composition_ms=composition_ms)
        for dts_ms, composition_ms in times
    ]
    made = samples_of(packets, origin_ms)
    assert len(made) == len(packets)
    for sample, following in itertools.pairwise(made):
        assert 0 <= sample.dts < following.dts
        assert sample.duration == min(following.dts - sample.dts, 0xFFFFFFFF)
    assert all(-(1 << 31) <= sample.composition < 1 << 31 for sample in made)
