"""Files of results as the benchmarks write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.report import Compared, as_json


def save(
    path: Path,
    *,
    command: Sequence[str] = (),
    time: str | None = None,
    shown: Mapping[str, float] | None = None,
    compared: Sequence[Compared] = (),
) -> Path:
    """Writes one of ``python -m bench``, as if it had ended at ``time`` (ISO 8601; None: now)."""
    written = msgspec.json.decode(as_json("bench", command, {}, [], shown or {}, compared, load_before=0.26))
    path.write_bytes(msgspec.json.encode(written | ({"time": time} if time else {})))
    return path
