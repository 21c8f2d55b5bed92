"""What players ask for: the addresses of playlists and pieces, read and written.

==================================  ====================================================================
``/app/name.m3u8``                  the multivariant playlist: a viewer begins
``/app/name.m3u8?session=ID``       the media playlist; ``&_HLS_msn=N`` and ``&_HLS_part=M``: not before that is in it
``/app/name.RUN-i1.mp4?session=ID``   an initialization section
``/app/name.RUN-s5.m4s?session=ID``   segment 5
``/app/name.RUN-p5-2.m4s?session=ID`` its part 2, which is waited for if it is the next one
==================================  ====================================================================

RUN tells the pieces of one cutting of a stream from those of another one under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple
from urllib.parse import quote

from miso.live.errors import ParseError

PLAYLIST_SUFFIX = ".m3u8"
SESSION = "session"
_MSN = "_HLS_msn"
_PART = "_HLS_part"
_MAX_NUMBER_DIGITS = 12
_NUMBER = re.compile(rf"[0-9]{{1,{_MAX_NUMBER_DIGITS}}}")
_PIECE = re.compile(
    rf"(?P<stream>.+)\.(?P<run>[0-9a-f]{{16}})-(?:i(?P<map>\d{{1,{_MAX_NUMBER_DIGITS}}})\.mp4"
    rf"|s(?P<segment>\d{{1,{_MAX_NUMBER_DIGITS}}})\.m4s"
    rf"|p(?P<of>\d{{1,{_MAX_NUMBER_DIGITS}}})-(?P<part>\d{{1,{_MAX_NUMBER_DIGITS}}})\.m4s)",
    re.ASCII | re.DOTALL,
)


class Kind(Enum):
    """What is asked for."""

    PLAYLIST = "playlist"
    MAP = "map"
    SEGMENT = "segment"
    PART = "part"


class Wanted(NamedTuple):
    """A request.

    Attributes:
        kind: What is asked for.
        stream: The stream's path.
        session: Whose request it is; empty: somebody new's.
        run: Which cutting of the stream; empty for playlists.
        number: Of the map, or the media sequence number of segment or part; of a playlist, what must be in it.
        part: Of a segment, from 0; None: all of it.
    """

    kind: Kind
    stream: str
    session: str
    run: str = ""
    number: int | None = None
    part: int | None = None


def read_address(path: str, query: Mapping[str, str]) -> Wanted:
    """What a request asks for.

    Args:
        path: Of the URL, decoded, without the slash that it begins with.
        query: Its parameters.

    Raises:
        ParseError: It is none of the addresses above.
    """
    session = query.get(SESSION, "")
    if path.endswith(PLAYLIST_SUFFIX):
        stream = path.removesuffix(PLAYLIST_SUFFIX)
        number, part = _number(query, _MSN), _number(query, _PART)
        if part is not None and number is None:
            raise ParseError(f"{_PART} is {part} without {_MSN}, expected both")
        return Wanted(Kind.PLAYLIST, stream, session, number=number, part=part)
    found = _PIECE.fullmatch(path)
    if found is None:
        raise ParseError(f"{path[-80:]!r} is no address of a piece of a stream")
    stream, run = found["stream"], found["run"]
    if found["map"] is not None:
        return Wanted(Kind.MAP, stream, session, run, int(found["map"]))
    if found["segment"] is not None:
        return Wanted(Kind.SEGMENT, stream, session, run, int(found["segment"]))
    return Wanted(Kind.PART, stream, session, run, int(found["of"]), int(found["part"]))


def media_address(stream: str, session: str) -> str:
    """Of the media playlist, as seen from the multivariant one."""
    return f"{_last(stream)}{PLAYLIST_SUFFIX}?{SESSION}={session}"


def piece_address(stream: str, run: str, session: str, name: str) -> str:
    """Of a piece, as seen from the media playlist."""
    return f"{_last(stream)}.{run}-{name}?{SESSION}={session}"


def _last(stream: str) -> str:
    # With "./", a name that has a colon is not taken for a URL's scheme.
    return f"./{quote(stream.rpartition('/')[2], safe='')}"


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise ParseError(f"{name} is {text[:20]!r}, expected a number")
    return int(text)
