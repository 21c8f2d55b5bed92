"""Settings of the relay: ``[live.relay]``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from miso.live.errors import RefusedError
from miso.live.rtmp.url import RtmpUrl, read_url
from miso.live.section import PluginSettings, Section
from miso.live.streams.registry import check_path


class StaticRelay(Section):
    """One stream of ours, and one of another server."""

    stream: str = Field("", validate_default=True, description="the stream's path here")
    url: SecretStr = Field(SecretStr(""), validate_default=True, description="rtmp://host/app/name, or rtmps://")

    @field_validator("stream")
    @classmethod
    def _is_path(cls, path: str) -> str:
        try:
            check_path(path)
        except RefusedError as error:
            raise ValueError(str(error)) from error
        return path

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        read_url(url.get_secret_value())
        return url

    def target(self) -> RtmpUrl:
        """The other server's stream."""
        return read_url(self.url.get_secret_value())


class Origin(Section):
    """Another server that has the streams which nobody publishes here."""

    prefix: str = Field("", description="of the paths of its streams here, without the last slash; empty: all")
    url: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="rtmp://host/app, or rtmps://; what follows the prefix in the path is put before its query",
    )

    @field_validator("prefix")
    @classmethod
    def _without_slashes(cls, prefix: str) -> str:
        return prefix.strip("/")

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        _with_name(url.get_secret_value(), "name")
        return url

    def target(self, path: str) -> RtmpUrl | None:
        """Its stream for a path here; None: it is not one of its paths, or no name for other servers."""
        start = f"{self.prefix}/" if self.prefix else ""
        name = path.removeprefix(start)
        if not path.startswith(start) or not name or any(char in name for char in "?#%&"):
            return None
        return _with_name(self.url.get_secret_value(), name)


class RelaySettings(PluginSettings):
    """Streams that come from other servers, or go to them."""

    pull: tuple[StaticRelay, ...] = Field((), description="streams that are always fetched from another server")
    push: tuple[StaticRelay, ...] = Field((), description="streams that are sent to another server while published")
    origins: tuple[Origin, ...] = Field(
        (),
        description="servers that are asked for what a player wants and nobody publishes: the first that fits",
    )
    idle: float = Field(
        10.0, ge=1, le=3_600, description="seconds without a player after which such a stream is let go"
    )
    timeout: float = Field(
        10.0, gt=0, le=300, description="seconds that a server has to connect, or to take what is sent"
    )
    first_pause: float = Field(1.0, gt=0, le=300, description="seconds before a relay that failed is tried again")
    longest_pause: float = Field(30.0, gt=0, le=3_600, description="the pause doubles each time, up to so many seconds")
    max_relays: int = Field(100, ge=1, le=10_000, description="relays at once")
    max_unseen_per_address: int = Field(
        20,
        ge=0,
        description="streams that origins are asked for at once and that have not come, for players of one address "
        "(IPv6: /64); 0: no limit",
    )
    tls_ca: Path | None = Field(
        None, description="PEM file of who signs the certificates of rtmps servers; default: whom the system trusts"
    )

    @model_validator(mode="after")
    def _may_all_run(self) -> Self:
        if len(self.pull) + len(self.push) > self.max_relays:
            raise ValueError(f"{len(self.pull) + len(self.push)} relays, but max_relays is {self.max_relays}")
        paths = [one.stream for one in self.pull]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"{path} is pulled from two servers")
        return self


def _with_name(url: str, name: str) -> RtmpUrl:
    """The URL of an application, with a stream's name (a deeper path perhaps) between its path and its query."""
    base, mark, query = url.partition("?")
    target = read_url(f"{base.rstrip('/')}/name")
    deeper, _, last = name.rpartition("/")
    app = f"{target.app}/{deeper}" if deeper else target.app
    return replace(target, app=app, name=last + mark + query)
