"""Settings of the webhook for events: ``[live.event_webhook]``."""

from __future__ import annotations

from pydantic import Field, HttpUrl, SecretStr, field_validator

from miso.live.section import PluginSettings
from miso.live.sessions.events import EventKind
from miso.live.webhooks.signature import read_secret


class EventWebhookSettings(PluginSettings):
    """Who is told of events."""

    url: HttpUrl | None = Field(
        None, description="address that is told what happens (docs/live.md); default: nothing is"
    )
    secret: SecretStr | None = Field(
        None, description="what is sent is signed with it (Standard Webhooks); default: not signed"
    )
    events: tuple[EventKind, ...] = Field(
        tuple(EventKind), description="of what it is told: publish, unpublish, play, stop, codec"
    )
    timeout: float = Field(5.0, gt=0, le=60, description="seconds that it has to answer each time")
    attempts: int = Field(
        8, ge=1, le=20, description="how often an event is sent before it is given up; 1, 2, 4, ... 60 seconds apart"
    )
    max_waiting: int = Field(10_000, ge=1, le=1_000_000, description="events that wait; more are dropped and counted")
    at_once: int = Field(16, ge=1, le=1_000, description="streams whose events are sent at once")

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_secret(value.get_secret_value())
        return value
