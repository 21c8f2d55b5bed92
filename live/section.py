"""What every section of the live side's settings is made of: ``[live.streams]``, ``[live.rtmp]`` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Settings that belong together. Every field has a default and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PluginSettings(Section):
    """What all plugins can be told."""

    enabled: bool = Field(True, description="run this plugin")
