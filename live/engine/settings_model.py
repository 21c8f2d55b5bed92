"""The settings of the live side with a section for each plugin that is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field, create_model

from miso.live.engine.plugin import Plugin
from miso.live.engine.settings import LiveSettings


def live_settings_model(plugins: Iterable[type[Plugin]]) -> type[LiveSettings]:
    """``LiveSettings`` with a section for each plugin, under its name."""
    sections: dict[str, Any] = {
        plugin.name: (plugin.Settings, Field(plugin.Settings(), description=_first_line(plugin.Settings)))
        for plugin in plugins
    }
    return create_model("LiveSettings", __base__=LiveSettings, __doc__=LiveSettings.__doc__, **sections)


def _first_line(described: type) -> str:
    return (described.__doc__ or "").strip().partition("\n")[0]
