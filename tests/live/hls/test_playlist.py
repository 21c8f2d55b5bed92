"""Playlists as the specification has them."""

from __future__ import annotations

import re

import pytest

from miso.live.hls.playlist import media_playlist, multivariant_playlist
from miso.live.hls.segments import Part, Window
from tests.live.hls.cutting import again, cut, encoded

pytest.importorskip("av", reason="PyAV is missing")


def playlist(window: Window, part_s: float = 0.5) -> list[str]:
    return media_playlist(window, 2.0, part_s, lambda name: f"x/{name}").splitlines()


def test_a_playlist_lists_segments_parts_and_what_comes_next() -> None:
    window = cut(again(encoded("libx264"), 2)).window
    lines = playlist(window)
    assert lines[:9] == [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.500,HOLD-BACK=6",
        "#EXT-X-PART-INF:PART-TARGET=0.500",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-DISCONTINUITY-SEQUENCE:0",
        '#EXT-X-MAP:URI="x/i1.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z",
    ]
    assert lines[9] == '#EXT-X-PART:DURATION=0.48000,URI="x/p0-0.m4s",INDEPENDENT=YES'
    assert lines[10] == '#EXT-X-PART:DURATION=0.48000,URI="x/p0-1.m4s"'
    at = lines.index("#EXTINF:1.00000,")
    assert lines[at + 1] == "x/s0.m4s"
    newest = window.newest
    assert newest is not None
    assert lines[-1] == f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="x/p{newest.number}-{len(newest.parts)}.m4s"'


def test_every_duration_keeps_what_is_promised() -> None:
    lines = playlist(cut(again(encoded("libx264", "aac"), 6)).window)
    parts = [float(found[1]) for line in lines if (found := re.match(r"#EXT-X-PART:DURATION=([\d.]+)", line))]
    whole = [float(found[1]) for line in lines if (found := re.match(r"#EXTINF:([\d.]+)", line))]
    assert len(parts) >= 12
    assert max(parts) <= 0.5
    assert max(round(duration) for duration in whole) <= 2


def test_parts_of_old_segments_are_not_listed() -> None:
    lines = playlist(cut(again(encoded("libx264"), 6)).window)
    assert not any("p0-" in line for line in lines)
    assert any("s0.m4s" in line for line in lines)


def test_a_change_is_a_discontinuity_with_a_map_of_its_own() -> None:
    other = [packet.at(packet.dts_ms + 2_000) for packet in encoded("libx265")]
    lines = playlist(cut([*encoded("libx264"), *other]).window)
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at + 1] == '#EXT-X-MAP:URI="x/i2.mp4"'


def test_a_time_beyond_all_dates_is_the_last_date() -> None:
    window = Window(listed=3, spare=1, max_bytes=1_000)
    window.begin(1, is_discontinuous=False, begins_unix_s=1e15).parts.append(Part(b"x", 1, is_independent=True))
    assert "#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59.000Z" in playlist(window)


def test_an_end_is_told() -> None:
    segmenter = cut(encoded("libx264"))
    segmenter.finish()
    lines = playlist(segmenter.window)
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert not any("PRELOAD" in line for line in lines)


def test_the_first_playlist_says_codecs_size_and_rate() -> None:
    segmenter = cut(encoded("libx264", "aac"))
    text = multivariant_playlist("cam.m3u8?session=1", segmenter.tracks, 123_456.7)
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        '#EXT-X-STREAM-INF:BANDWIDTH=123457,CODECS="avc1.64000c,mp4a.40.2",RESOLUTION=320x180',
        "cam.m3u8?session=1",
    ]


def test_sound_alone_has_no_size() -> None:
    text = multivariant_playlist("x", cut(encoded("libopus")).tracks, 0)
    assert '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="opus"\n' in text
