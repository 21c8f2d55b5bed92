"""Settings of what operators are shown: ``[live.statistics]``."""

from __future__ import annotations

from pydantic import Field

from miso.live.section import PluginSettings


class StatisticsSettings(PluginSettings):
    """How much operators are shown."""

    history: int = Field(1_000, ge=0, le=100_000, description="sessions that are over and still shown")
    max_listeners: int = Field(100, ge=0, le=900, description="who is told of events at once by server-sent events")
