"""The tables of settings in docs/live.md: ``python -m tests.live.settings_table`` prints them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel

from miso.live.bridge.plugin import RoomsPlugin
from miso.live.engine.settings_model import live_settings_model
from miso.live.plugins import OWN_PLUGINS


def rows(plugins: Iterable[Any] = (*OWN_PLUGINS, RoomsPlugin)) -> Iterator[str]:
    """A row for each setting: its flag, its default, what it is."""
    yield from _rows(live_settings_model(plugins), "live")


def _rows(model: type[BaseModel], section: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _rows(type(field.default), f"{section}.{name}")
        else:
            flag = f"--{section}.{name}".replace("_", "-")
            yield f"| `{flag}` | {_shown(field.default)} | {field.description} |"


def _shown(default: object) -> str:
    if default in (None, "", (), [], {}):
        return "–"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return f"`{','.join(_text(item) for item in default)}`"
    return f"`{_text(default)}`"


def _text(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)


if __name__ == "__main__":
    sys.stdout.writelines(f"{row}\n" for row in rows())
