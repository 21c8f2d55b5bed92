"""Addresses are read as they are written, and everything else is refused."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.live.errors import ParseError, RefusedError
from miso.live.hls.address import Kind, Wanted, media_address, piece_address, read_address
from miso.live.hls.playlist import map_name, part_name, segment_name
from miso.live.streams.registry import check_path

RUN = "0123456789abcdef"
NAMES = {
    map_name(3): Wanted(Kind.MAP, "", "s", RUN, 3),
    segment_name(7): Wanted(Kind.SEGMENT, "", "s", RUN, 7),
    part_name(7, 2): Wanted(Kind.PART, "", "s", RUN, 7, 2),
}


def asked(url: str) -> Wanted:
    parts = urlsplit(url)
    return read_address(unquote(parts.path).removeprefix("/"), dict(parse_qsl(parts.query)))


@given(st.text(min_size=1, max_size=60) | st.sampled_from(["live/a:b", "live/a%2Fb", "a.m3u8", f"a.{RUN}-s5", "a?b#c"]))
def test_a_player_that_follows_addresses_comes_to_the_same_stream(stream: str) -> None:
    try:
        check_path(stream)
        stream.encode()
    except (RefusedError, UnicodeEncodeError):
        return
    from urllib.parse import quote

    first = f"http://host/{quote(stream)}.m3u8?token=x"
    assert asked(first) == Wanted(Kind.PLAYLIST, stream, "")
    media = urljoin(first, media_address(stream, "s"))
    assert asked(media) == Wanted(Kind.PLAYLIST, stream, "s")
    for name, wanted in NAMES.items():
        assert asked(urljoin(media, piece_address(stream, RUN, "s", name))) == wanted._replace(stream=stream)


def test_what_must_be_in_a_playlist() -> None:
    query = {"session": "s", "_HLS_msn": "12", "_HLS_part": "3"}
    assert read_address("a/b.m3u8", query) == Wanted(Kind.PLAYLIST, "a/b", "s", number=12, part=3)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("a.m3u8", {"_HLS_part": "1"}),
        ("a.m3u8", {"_HLS_msn": "x"}),
        ("a.m3u8", {"_HLS_msn": "-1"}),
        ("a.m3u8", {"_HLS_msn": "٣"}),
        ("a.m3u8", {"_HLS_msn": 13 * "9"}),
        ("a.m3u8", {"_HLS_msn": ""}),
        ("a.m3u8", {"_HLS_msn": "1", "_HLS_part": "1e3"}),
        ("a.mp4", {}),
        ("a.m4s", {}),
        (f"a.{RUN}-s5.mp4", {}),
        (f"a.{RUN}-p5.m4s", {}),
        (f"a.{RUN[1:]}-s5.m4s", {}),
        (f".{RUN}-s5.m4s", {}),
        (f"a.{RUN}-s{13 * '1'}.m4s", {}),
        (f"a.{RUN}-s٣.m4s", {}),
        (f"a.{RUN}-s5.m4s\n", {}),
    ],
)
def test_what_is_no_address(path: str, query: dict[str, str]) -> None:
    with pytest.raises(ParseError):
        read_address(path, query)
