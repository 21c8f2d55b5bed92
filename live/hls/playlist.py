"""Writes playlists (RFC 8216, and draft-pantos-hls-rfc8216bis 4.4 for parts)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from miso.live.hls.segments import Segment, Window
from miso.live.media.codec import Kind
from miso.live.mp4.track import Mp4Track

CONTENT_TYPE = "application/vnd.apple.mpegurl"
VERSION = 9
_HOLD_BACK_PARTS = 3
_HOLD_BACK_SEGMENTS = 3
# Parts of older segments are not listed any more (4.4.4.9: three target durations from the end).
_TARGETS_WITH_PARTS = 3
_LAST_UNIX_S = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""Later times have no form; a publisher whose time runs fast gets there, not a true one."""

Address = Callable[[str], str]
"""Makes the address of a piece, by its name."""


def map_name(number: int) -> str:
    """Of an initialization section."""
    return f"i{number}.mp4"


def segment_name(number: int) -> str:
    return f"s{number}.m4s"


def part_name(number: int, part: int) -> str:
    return f"p{number}-{part}.m4s"


def multivariant_playlist(media_address: str, tracks: Sequence[Mp4Track], bitrate_bps: float) -> str:
    """The playlist with which a player begins: one variant.

    Args:
        media_address: Of the media playlist.
        tracks: What is in it.
        bitrate_bps: The most so far.
    """
    codecs = ",".join(track.codec_string for track in tracks)
    attributes = [f"BANDWIDTH={max(1, math.ceil(bitrate_bps))}", f'CODECS="{codecs}"']
    video = next((track for track in tracks if track.id.kind is Kind.VIDEO and track.width and track.height), None)
    if video is not None:
        attributes.append(f"RESOLUTION={video.width}x{video.height}")
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", f"#EXT-X-STREAM-INF:{','.join(attributes)}", media_address]
    return "\n".join(lines) + "\n"


def media_playlist(window: Window, target_s: float, part_target_s: float, address: Address) -> str:
    """The playlist that a player loads again and again.

    Args:
        window: What there is.
        target_s: No segment is longer, rounded to a whole second.
        part_target_s: No part is longer.
        address: Of the pieces.
    """
    segments = list(window)
    target = max(1, math.floor(target_s + 0.5))
    hold_back_s, part_hold_back_s = _HOLD_BACK_SEGMENTS * target, _HOLD_BACK_PARTS * part_target_s
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target}",
        f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={part_hold_back_s:.3f},HOLD-BACK={hold_back_s}",
        f"#EXT-X-PART-INF:PART-TARGET={part_target_s:.3f}",
        f"#EXT-X-MEDIA-SEQUENCE:{segments[0].number if segments else 0}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.listed_discontinuities}",
    ]
    left_s = sum(  # until the end of the playlist
        segment.duration_s for segment in segments
    )
    map_number = None
    for segment in segments:
        if segment.is_discontinuous and segment is not segments[0]:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.map_number != map_number:
            map_number = segment.map_number
            lines.append(f'#EXT-X-MAP:URI="{address(map_name(map_number))}"')
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date_time(segment.begins_unix_s)}")
        left_s -= segment.duration_s
        if left_s < _TARGETS_WITH_PARTS * target:
            lines += _part_lines(segment, address)
        if segment.is_complete:
            lines += [f"#EXTINF:{segment.duration_s:.5f},", address(segment_name(segment.number))]
    if window.is_over:
        lines.append("#EXT-X-ENDLIST")
    else:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{address(_next_part(window))}"')
    return "\n".join(lines) + "\n"


def _part_lines(segment: Segment, address: Address) -> list[str]:
    return [
        f'#EXT-X-PART:DURATION={part.duration_s:.5f},URI="{address(part_name(segment.number, index))}"'
        + (",INDEPENDENT=YES" if part.is_independent else "")
        for index, part in enumerate(segment.parts)
    ]


def _next_part(window: Window) -> str:
    newest = window.newest
    if newest is None or newest.is_complete:
        return part_name(window.next_number, 0)
    return part_name(newest.number, len(newest.parts))


def _date_time(unix_s: float) -> str:
    moment = datetime.fromtimestamp(min(unix_s, _LAST_UNIX_S), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
