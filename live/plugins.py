"""The plugins that come with the live side, in the order in which they start."""

from __future__ import annotations

from miso.live.engine.plugin import Plugin

OWN_PLUGINS: tuple[type[Plugin], ...] = ()
