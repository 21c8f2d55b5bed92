"""Whether data has exactly the shape of a body type."""

from __future__ import annotations

from typing import Any

import msgspec


def compare_shape(data: Any, kind: Any) -> str:
    """What is wrong with data that should be of a body type: converts it there and back, nothing may be lost."""
    if kind is type(None):
        return f"data {data!r:.100}, expected none"
    try:
        value = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return _difference(data, msgspec.to_builtins(value), "$")


def _difference(came: Any, expected: Any, path: str) -> str:
    if isinstance(came, dict) and isinstance(expected, dict):
        unknown = came.keys() - expected.keys()
        if unknown:
            return f"unknown {', '.join(sorted(unknown))} - at {path}"
        missing = expected.keys() - came.keys()
        if missing:
            return f"missing {', '.join(sorted(missing))} - at {path}"
        pairs = ((came[key], expected[key], f"{path}.{key}") for key in came)
    elif isinstance(came, list) and isinstance(expected, list) and len(came) == len(expected):
        pairs = (
            (one, other, f"{path}[{index}]") for index, (one, other) in enumerate(zip(came, expected, strict=True))
        )
    else:
        return "" if came == expected else f"{came!r:.80}, expected {expected!r:.80} - at {path}"
    return next((wrong for one, other, where in pairs if (wrong := _difference(one, other, where))), "")
