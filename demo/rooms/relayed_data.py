"""What one peer says that all the others are told: every text, list and number in it has a bound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from miso.demo.limits.per_client import (
    MAX_CODECS,
    MAX_ENCODINGS,
    MAX_HEADER_EXTENSIONS,
    MAX_SHORT_TEXT_LENGTH,
    MAX_TOLD_BYTES,
    MAX_TOLD_NUMBER,
    MAX_TOLD_TEXT_LENGTH,
)

_LISTS: Final = {"codecs": MAX_CODECS, "headerExtensions": MAX_HEADER_EXTENSIONS, "encodings": MAX_ENCODINGS}
_SHORT_TEXTS: Final = ("mid", "rid", "cname", "scalabilityMode")


_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1, with line breaks
    "\u202a-\u202e\u2066-\u2069"  # what turns all the text around it (UAX 9)
    "\u2028\u2029\u200b\u2060\ufeff\ufff9-\ufffb]"  # separators, and marks without width that join no letters
)


def plain_name(name: str) -> str:
    """A name without what cannot be seen: it would turn others' text around, or make a name look like another's."""
    return _UNSEEN.sub("", name)


def told_bytes(*data: object) -> int:
    """How much it is, as JSON."""
    return sum(len(orjson.dumps(one)) for one in data)


def check_told(what: str, data: object) -> None:
    """Whether it may go on to the others as it is.

    Args:
        what: Its name, for the error.
        data: Plain data, as JSON has it.

    Raises:
        ValueError: It is too large, or a number in it is.
    """
    if told_bytes(data) > MAX_TOLD_BYTES:
        raise ValueError(f"{what} is larger than {MAX_TOLD_BYTES} bytes")
    for _, value in _values(what, data):
        if isinstance(value, int | float) and not -MAX_TOLD_NUMBER <= value <= MAX_TOLD_NUMBER:
            raise ValueError(f"{what} has a number beyond 2^53")


def check_rtp_parameters(parameters: Mapping[str, object]) -> None:
    """Whether a producer's RTP parameters are of a size that others may be made to work with.

    Their shape and meaning are ``controller``'s to check.

    Raises:
        ValueError: A list or a text in them is too long, or a number is too large; or all of it is too large.
    """
    check_told("rtpParameters", parameters)
    for name, most in _LISTS.items():
        entries = parameters.get(name)
        if isinstance(entries, list) and len(entries) > most:
            raise ValueError(f"rtpParameters.{name} has {len(entries)} entries, at most {most} are allowed")
    for key, value in _values("rtpParameters", parameters):
        most = MAX_SHORT_TEXT_LENGTH if key in _SHORT_TEXTS else MAX_TOLD_TEXT_LENGTH
        if isinstance(value, str) and len(value) > most:
            raise ValueError(f"rtpParameters: {key[:64]} has {len(value)} characters, at most {most} are allowed")


def _values(key: str, data: object) -> Iterator[tuple[str, object]]:
    """Everything in it that is neither list nor object, with its key; the keys themselves, too."""
    waiting = [(key, data)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            yield from ((name, inner) for inner in value)
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((name, inner) for inner in value)
        else:
            yield name, value
