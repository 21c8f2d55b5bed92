"""Settings of the plugin "recording"."""

from __future__ import annotations

from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, field_validator

from miso.live.recording.file_name import check_pattern
from miso.live.section import PluginSettings

_GB = 1_000_000_000


class Format(Enum):
    """What a recording is written as."""

    MP4 = "mp4"
    FLV = "flv"


class RecordingSettings(PluginSettings):
    """What is recorded, where to, and how much."""

    folder: Path = Field(Path("recordings"), description="where recordings go; nothing is ever written outside it")
    paths: tuple[str, ...] = Field(
        (), description="streams that are recorded whenever they are published: patterns with * and ?, as live/*"
    )
    format: Format = Field(Format.MP4, description="mp4 (fragmented, readable while it grows) or flv")
    file_name: str = Field(
        "{path}/{date}-{time}",
        description="of files, without the ending: {path}, {app}, {name}, {date}, {time} (UTC), {part}",
    )
    cut_s: float = Field(3_600, ge=0, description="a new file at the first key frame after so many seconds; 0: never")
    cut_bytes: int = Field(4 * _GB, ge=0, description="a new file at the first key frame after so many bytes; 0: never")
    max_recordings: int = Field(32, ge=1, description="recordings at once")
    max_bytes: int = Field(0, ge=0, description="bytes in the folder, all files together; 0: no limit")
    keep_free_bytes: int = Field(_GB, ge=0, description="bytes that are left free on the folder's disk")
    max_queued_bytes: int = Field(
        32_000_000,
        ge=1_000_000,
        description="bytes of one recording that wait for a slow disk before it is given up",
    )

    @field_validator("file_name")
    @classmethod
    def _has_known_fields(cls, pattern: str) -> str:
        check_pattern(pattern)
        return pattern

    def wants(self, path: str) -> bool:
        """Whether streams of that path are recorded whenever they are published."""
        return any(fnmatchcase(path, pattern) for pattern in self.paths)
