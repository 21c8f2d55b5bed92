"""What a player asks for: which stream, which of its tracks, and where to begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from miso.live.errors import ParseError
from miso.live.media.body_form import MAX_TRACK_NUMBER
from miso.live.streams.subscription import Start

SUFFIX: Final = ".flv"
_STARTS: Final = {"fast": Start.FAST, "live": Start.LIVE, "key": Start.KEY}
_OFF: Final = ("0", "false", "no", "off")
_MAX_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class FlvRequest:
    """A request.

    Attributes:
        path: Of the stream.
        start: Where to begin.
        audio: Whether sound is wanted.
        video: Whether pictures are wanted.
        track: The number of the tracks that are wanted.
    """

    path: str
    start: Start
    audio: bool
    video: bool
    track: int


def read_request(path: str, query: Mapping[str, str]) -> FlvRequest:
    """Reads a request; parameters that it does not know are not its business.

    Args:
        path: Of the address, decoded: ``/app/name.flv``.
        query: ``start`` (fast, live or key), ``onlyVideo``, ``onlyAudio``, ``track`` (0 to 255).

    Raises:
        ParseError: A parameter is none of these, or they leave nothing.
    """
    start = query.get("start", "fast")
    if start not in _STARTS:
        raise ParseError(f"start is {start[:_MAX_SHOWN]!r}, expected one of {', '.join(_STARTS)}")
    track = query.get("track", "0")
    if not (track.isascii() and track.isdigit() and len(track) <= len(str(MAX_TRACK_NUMBER))):
        raise ParseError(f"track is {track[:_MAX_SHOWN]!r}, expected 0 to {MAX_TRACK_NUMBER}")
    if int(track) > MAX_TRACK_NUMBER:
        raise ParseError(f"track is {track}, expected 0 to {MAX_TRACK_NUMBER}")
    only_video, only_audio = _is_set(query, "onlyVideo"), _is_set(query, "onlyAudio")
    if only_video and only_audio:
        raise ParseError("onlyVideo and onlyAudio are both set, expected one of them")
    return FlvRequest(
        path.removeprefix("/").removesuffix(SUFFIX), _STARTS[start], not only_video, not only_audio, int(track)
    )


def _is_set(query: Mapping[str, str], name: str) -> bool:
    return name in query and query[name].lower() not in _OFF
