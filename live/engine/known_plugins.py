"""Which plugins there are: ours, and those that other distributions bring as entry points."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from miso.live.engine.plugin import Plugin
from miso.live.engine.settings import LiveSettings
from miso.live.section import PluginSettings

ENTRY_POINT_GROUP: Final = "miso.live.plugins"
_NAME: Final = re.compile("[a-z][a-z0-9_]*")


class KnownPlugins(NamedTuple):
    """What was found.

    Attributes:
        classes: The plugins, ours first.
        problems: A sentence for each entry point that cannot be used, for the log.
    """

    classes: tuple[type[Plugin], ...]
    problems: tuple[str, ...]


def find_plugins(own: Sequence[type[Plugin]]) -> KnownPlugins:
    """Our plugins and everybody's entry points of the group ``miso.live.plugins``, by their names.

    An entry point that cannot be loaded, is no plugin, or has a name that is taken, is a problem and not an error.
    """
    return _added(own, sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda one: one.name))


def _added(own: Sequence[type[Plugin]], entry_points: Iterable[importlib.metadata.EntryPoint]) -> KnownPlugins:
    classes = list(own)
    problems = []
    for entry_point in entry_points:
        try:
            loaded = entry_point.load()
        except Exception as error:  # noqa: BLE001  an edge: code of others, whatever it does when it is imported
            problems.append(f"plugin {entry_point.name} ({entry_point.value}) cannot be loaded: {error!r}")
            continue
        problem = _problem(loaded, {*LiveSettings.model_fields, *(known.name for known in classes)})
        if problem:
            problems.append(f"plugin {entry_point.name} ({entry_point.value}) is of no use: {problem}")
        else:
            classes.append(loaded)
    return KnownPlugins(tuple(classes), tuple(problems))


def _problem(loaded: object, taken: set[str]) -> str:
    """Why that is no plugin for us; empty: it is one."""
    if not isinstance(loaded, type) or not issubclass(loaded, Plugin):
        return f"{loaded!r} is no class derived from miso.live.engine.plugin.Plugin"
    name = getattr(loaded, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"its name is {name!r}, expected lower-case letters, digits and _, a letter first"
    if name in taken:
        return f"the name {name!r} is taken"
    if not isinstance(loaded.Settings, type) or not issubclass(loaded.Settings, PluginSettings):
        return f"its Settings are {loaded.Settings!r}, expected a class derived from PluginSettings"
    return ""
