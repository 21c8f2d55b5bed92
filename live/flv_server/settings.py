"""Settings of FLV over HTTP and WebSocket: ``[live.flv]``."""

from __future__ import annotations

from pydantic import Field

from miso.live.section import PluginSettings


class FlvSettings(PluginSettings):
    """How players are served at ``/APP/NAME.flv``, on the ports of ``[live.web]`` and of the rooms."""

    ping: float = Field(
        25.0, gt=0, description="seconds between pings to WebSocket players; who answers none of three is closed"
    )
    max_received_bytes: int = Field(
        262_144, ge=1_024, description="what a player may send in all behind its request; who sends more is closed"
    )
