"""Streams are cut at key frames, in parts of an even length, and what is kept stays bounded."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miso.live.hls.segmenter import MAX_SAMPLES, SPARE_SEGMENTS, Segmenter
from miso.live.hls.segments import Part, Segment, Window
from miso.live.hls.settings import HlsSettings
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet
from tests.live.hls.cutting import UNIX_S, again, cut, encoded, feed
from tests.live.media import records

av = pytest.importorskip("av", reason="PyAV is missing")
VIDEO, AUDIO = TrackId(Kind.VIDEO), TrackId(Kind.AUDIO)


def segments(segmenter: Segmenter) -> list[Segment]:
    return list(segmenter.window)


def decode(segmenter: Segmenter, segment: Segment) -> dict[str, int]:
    data = segmenter.window.maps[segment.map_number] + segment.data
    counts: dict[str, int] = {}
    with av.open(io.BytesIO(data), format="mp4") as container:
        for packet in container.demux():
            counts[packet.stream.type] = counts.get(packet.stream.type, 0) + len(packet.decode())
    return counts


def test_segments_begin_with_key_frames_and_are_as_long_as_asked_for() -> None:
    segmenter = cut(again(encoded("libx264", "aac"), 4))
    complete = [segment for segment in segments(segmenter) if segment.is_complete]
    assert [segment.number for segment in complete] == [0, 1, 2, 3]
    assert all(segment.parts[0].is_independent for segment in complete)
    assert complete[0].duration_s == pytest.approx(1, abs=0.1)  # as soon as it may end
    for segment in complete[1:]:
        assert segment.duration_s == pytest.approx(2, abs=0.2)
        assert decode(segmenter, segment)["video"] == 50
        assert decode(segmenter, segment)["audio"] > 90


def test_parts_are_at_most_as_long_as_promised_and_nearly_so() -> None:
    segmenter = cut(again(encoded("libx264", "aac"), 4))
    for segment in segments(segmenter):
        for part in segment.parts:
            assert part.duration_s <= 0.501
        for part in segment.parts[:-1]:
            assert part.duration_s >= 0.85 * 0.5
    assert segmenter.longest_part_s <= 0.501


def test_sound_alone_is_cut_too() -> None:
    segmenter = cut(again(encoded("aac"), 4))
    complete = [segment for segment in segments(segmenter) if segment.is_complete]
    assert len(complete) == 4
    for segment in complete[1:]:
        assert segment.duration_s == pytest.approx(2, abs=0.1)
        assert all(part.is_independent for part in segment.parts)


def test_a_segment_ends_without_a_key_frame_when_none_comes_for_long() -> None:
    packets = encoded("libx264", count=100, group=100)
    segmenter = cut(packets, HlsSettings(segment_s=1, max_segment_s=1.5))
    first, second = segments(segmenter)[:2]
    assert first.duration_s == pytest.approx(1.5, abs=0.05)
    assert not second.parts[0].is_independent


def test_the_same_configuration_again_changes_nothing() -> None:
    segmenter = cut(again(encoded("libx264", "aac"), 4))
    assert not any(segment.is_discontinuous for segment in segments(segmenter))
    assert list(segmenter.window.maps) == [1]


def test_another_configuration_begins_a_discontinuity_at_the_next_key_frame() -> None:
    segmenter = cut(again(encoded("libx264", "aac"), 2))
    other = [packet.at(packet.dts_ms + 5_000) for packet in encoded("libx265", "aac")]
    feed(segmenter, other)
    changed = [segment for segment in segments(segmenter) if segment.is_discontinuous]
    assert [segment.map_number for segment in changed] == [2]
    assert [track.codec for track in segmenter.tracks] == [Codec.HEVC, Codec.AAC]
    assert all(segment.is_complete for segment in segments(segmenter) if segment.number < changed[0].number)
    assert decode(segmenter, changed[0])["video"] > 0


def test_a_track_that_comes_later_is_there_from_the_next_key_frame() -> None:
    segmenter = cut(encoded("libx264"))
    feed(segmenter, [packet.at(packet.dts_ms + 2_000) for packet in encoded("libx264", "aac")])
    assert [track.id.kind for track in segmenter.tracks] == [Kind.VIDEO, Kind.AUDIO]
    assert sum(segment.is_discontinuous for segment in segments(segmenter)) == 1


def test_sound_goes_on_when_pictures_end() -> None:
    segmenter = cut(encoded("libx264", "aac"))
    feed(segmenter, [packet.at(packet.dts_ms + 2_000) for packet in encoded("aac", count=100)])
    assert [track.id.kind for track in segmenter.tracks] == [Kind.AUDIO]
    newest = segmenter.window.newest
    assert newest is not None
    assert newest.duration_s > 0.4


def test_mp3_beside_pictures_is_no_discontinuity_at_each_key_frame() -> None:
    segmenter = cut(again(encoded("libx264", "libmp3lame"), 4))
    assert sum(segment.is_discontinuous for segment in segments(segmenter)) <= 1
    assert [track.codec for track in segmenter.tracks] == [Codec.H264, Codec.MP3]


def test_a_codec_that_cannot_be_carried_is_left_out() -> None:
    segmenter = cut(again(encoded("libx264", "ac3"), 2))
    assert [track.codec for track in segmenter.tracks] == [Codec.H264]
    assert len(segmenter.window.maps) == 1


def test_dates_are_those_of_the_wall() -> None:
    segmenter = cut([packet.at(packet.dts_ms + 3_000) for packet in again(encoded("libx264"), 2)])
    assert segments(segmenter)[0].begins_unix_s == UNIX_S + 3
    assert segments(segmenter)[1].begins_unix_s == pytest.approx(UNIX_S + 4, abs=0.1)


@pytest.mark.parametrize("encoders", [("libx264", "aac"), ("libx264",), ("aac",)], ids="+".join)
@pytest.mark.parametrize("leap_ms", [24_000, 3_600_000, 1 << 32, 1 << 50])
def test_after_a_leap_of_time_all_segments_are_as_short_as_before(encoders: tuple[str, ...], leap_ms: int) -> None:
    packets = again(encoded(*encoders), 6)
    segmenter = cut(packets, HlsSettings(segments=20))
    feed(segmenter, [packet.at(packet.dts_ms + leap_ms) for packet in packets])
    segmenter.finish()
    listed = segments(segmenter)
    (changed,) = [segment for segment in listed if segment.is_discontinuous]
    assert changed.begins_unix_s == pytest.approx(UNIX_S, abs=0.1)  # the clock stands still here
    assert max(segment.duration_s for segment in listed) < 2.2
    assert segmenter.longest_part_s < 0.6
    if encoders[0] == "libx264":
        counts = [decode(segmenter, segment)["video"] for segment in listed]
        assert sum(counts) == 2 * 6 * 50
        assert counts[changed.number] > 0


def test_time_that_goes_back_costs_no_segment_and_no_picture() -> None:
    packets = again(encoded("libx264", "aac"), 2)
    segmenter = cut(packets)
    feed(segmenter, packets)
    segmenter.finish()
    assert max(segment.duration_s for segment in segments(segmenter)) < 4.5
    assert sum(decode(segmenter, segment)["video"] for segment in segments(segmenter)) == 2 * 2 * 50


def test_sound_goes_on_alone_while_pictures_pause_and_they_come_back() -> None:
    together, sounds = encoded("libx264", "aac"), encoded("aac")
    segmenter = Segmenter(HlsSettings(segments=50), UNIX_S, lambda: UNIX_S)
    for number in range(30):
        packets = sounds if 3 <= number < 27 else together
        for packet in packets:
            segmenter.add(packet.at(packet.dts_ms + 2_000 * number), has_video=True)
    segmenter.finish()
    listed = segments(segmenter)
    kinds = [len(set(decode(segmenter, segment))) for segment in listed if segment.is_discontinuous]
    assert kinds == [1, 2]
    assert max(segment.duration_s for segment in listed) < 2.2
    # What is lost of 60 s is the time until it counts as a pause, and until the next key frame.
    assert sum(segment.duration_s for segment in listed) > 60 - HlsSettings().max_segment_s - 4


def test_a_segment_without_key_frames_takes_no_more_than_its_share_of_memory() -> None:
    segmenter = cut([Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True)], HlsSettings(max_bytes=6_000_000))
    for number in range(200):
        segmenter.add(Packet(VIDEO, Codec.H264, 40 * number, bytes(300_000), is_key=not number), has_video=True)
    assert all(segment.size_bytes < 1_400_000 for segment in segments(segmenter))
    assert segmenter.window.size_bytes <= 6_000_000
    assert len(segments(segmenter)) > 3


def test_frames_whose_time_stands_still_do_not_pile_up() -> None:
    segmenter = cut([Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True), video(0, is_key=True)])
    for _ in range(3 * MAX_SAMPLES):
        segmenter.add(video(0, is_key=False), has_video=True)
    newest = segmenter.window.newest
    assert newest is not None
    assert len(newest.parts) >= 3


def test_the_end_is_told_and_nothing_is_lost() -> None:
    packets = encoded("libx264")
    segmenter = cut(packets)
    segmenter.finish()
    assert segmenter.window.is_over
    assert sum(decode(segmenter, segment)["video"] for segment in segments(segmenter)) == 50


def test_what_is_kept_is_bounded_by_number_and_bytes() -> None:
    settings = HlsSettings(segments=3, segment_s=0.5)
    segmenter = cut(again(encoded("libx264", "aac", count=25, group=25), 20), settings)
    assert len(segmenter.window) == 3 + SPARE_SEGMENTS + 1
    heavy = HlsSettings(segments=3, max_bytes=1_000_000)
    config = Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True)
    segmenter = cut([config], heavy)
    for number in range(100):
        segmenter.add(Packet(VIDEO, Codec.H264, 40 * number, bytes(300_000), is_key=not number % 25), has_video=True)
        assert segmenter.window.size_bytes <= 1_000_000 or len(segmenter.window) == 1


def test_a_window_counts_what_is_gone() -> None:
    window = Window(listed=3, spare=1, max_bytes=1_000)
    for number in range(10):
        window.maps[number] = b"map"
        segment = window.begin(number, is_discontinuous=number > 0, begins_unix_s=0)
        window.add(Part(bytes(10), 1, is_independent=True))
        segment.is_complete = True
    assert [segment.number for segment in window] == [6, 7, 8, 9]
    assert len(window) == 5
    assert window.get(4) is None
    assert window.get(5) is not None
    assert window.listed_discontinuities == 5
    assert sorted(window.maps) == [5, 6, 7, 8, 9]
    assert window.size_bytes == 50


def audio(dts_ms: int) -> Packet:
    return Packet(AUDIO, Codec.AAC, dts_ms, b"\1\2", is_key=True)


def video(dts_ms: int, *, is_key: bool) -> Packet:
    return Packet(VIDEO, Codec.H264, dts_ms, b"\0\0\0\2\1\2", is_key=is_key)


CONFIGS = {
    0: Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True),
    1: Packet(VIDEO, Codec.HEVC, 0, records.HEVC, is_config=True),
    2: Packet(AUDIO, Codec.AAC, 0, records.AAC, is_config=True),
    3: Packet(AUDIO, Codec.AC3, 0, b"", is_config=True),
}
MADE: list[Callable[[int], Packet]] = [
    audio,
    lambda dts_ms: video(dts_ms, is_key=True),
    lambda dts_ms: video(dts_ms, is_key=False),
    lambda dts_ms: Packet(VIDEO, Codec.HEVC, dts_ms, b"\0\0\0\3\1\2\3", is_key=True),
    lambda dts_ms: Packet(AUDIO, Codec.AC3, dts_ms, b"\1", is_key=True),
    lambda dts_ms: Packet(AUDIO, Codec.MP3, dts_ms, bytes.fromhex("fffb9464"), is_key=True),
    lambda dts_ms: Packet(VIDEO, Codec.H264, dts_ms, b"", is_end=True),
    *(lambda dts_ms, number=number: CONFIGS[number].at(dts_ms) for number in CONFIGS),
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(MADE) - 1), st.integers(-200, 3_000), st.booleans()), max_size=120),
)
def test_whatever_comes_the_window_stays_in_order(steps: list[tuple[int, int, bool]]) -> None:
    segmenter = Segmenter(HlsSettings(segments=3, max_bytes=1_000_000), UNIX_S, lambda: UNIX_S)
    now_ms = 0
    for kind, step_ms, has_video in steps:
        now_ms = max(0, now_ms + step_ms)
        segmenter.add(MADE[kind](now_ms), has_video)
        listed = segments(segmenter)
        assert all(segment.is_complete for segment in listed[:-1])
        assert all(segment.parts for segment in listed)
        numbers = [segment.number for segment in listed]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        assert all(segment.map_number in segmenter.window.maps for segment in listed)
        assert len(segmenter.window) <= 3 + SPARE_SEGMENTS + 1
    segmenter.finish()
    assert all(segment.is_complete for segment in segments(segmenter))
