"""What a recording's file is called: within its folder, whatever the stream is called."""

from __future__ import annotations

import re
import time
from pathlib import PurePosixPath
from string import Formatter

_FIELDS = ("path", "app", "name", "date", "time", "part")
_UNFIT = re.compile(r"[^\w.\- +@=]")
_MAX_PART_BYTES = 120
_HIDDEN = "."
_OPTION = "-"


def check_pattern(pattern: str) -> None:
    """Raises ValueError if it has fields that are not known, or names nothing."""
    for _, field, form, conversion in Formatter().parse(pattern):
        if field is not None and (field not in _FIELDS or form or conversion):
            raise ValueError(f"{{{field}}} in {pattern!r} is not known, expected one of {', '.join(_FIELDS)}")
    if not any(part.strip(". ") for part in pattern.split("/")):
        raise ValueError(f"{pattern!r} is no file name")


def file_name(pattern: str, path: str, unix_s: float, part: int) -> PurePosixPath:
    """The file, relative to the folder, without its ending.

    Each part of it has letters, digits and a few signs only, does not begin with a dot or a hyphen, and is at most 120
    bytes long. Different streams may get the same name so: who makes the file takes another then.

    Args:
        pattern: Checked by :func:`check_pattern`.
        path: The stream's.
        unix_s: When the file begins.
        part: 1 for the first file of a recording, 2 for the next, …
    """
    app, _, name = path.rpartition("/")
    now = time.gmtime(unix_s)
    values = {
        "path": path,
        "app": app or name,
        "name": name,
        "date": time.strftime("%Y%m%d", now),
        "time": time.strftime("%H%M%S", now),
        "part": str(part),
    }
    parts = [_safe(piece) for piece in pattern.format_map(values).split("/") if piece]
    return PurePosixPath(*parts)


def _safe(part: str) -> str:
    part = _UNFIT.sub("_", part)
    part = part.encode("utf-8", "replace")[:_MAX_PART_BYTES].decode("utf-8", "ignore").rstrip(". ")
    if not part or part.startswith((_HIDDEN, _OPTION)):
        part = f"_{part[1:]}"
    return part
