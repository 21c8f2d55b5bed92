"""Settings of who may publish and play: ``[live.access]``."""

from __future__ import annotations

from enum import Enum
from typing import Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from miso.live.rtmp.adobe_login import USER
from miso.live.section import Section
from miso.live.webhooks.signature import read_secret


class NoAnswer(Enum):
    """What becomes of those about whom a webhook does not answer.

    DENY: They are sent away.
    ALLOW: They may.
    """

    DENY = "deny"
    ALLOW = "allow"


class AccessSettings(Section):
    """Who may publish and play."""

    publish_secret: SecretStr | None = Field(
        None, description="who publishes needs a token made with it (docs/live.md); default: anybody may publish"
    )
    play_secret: SecretStr | None = Field(
        None, description="who plays needs a token made with it (docs/live.md); default: anybody may play"
    )
    users: dict[str, SecretStr] = Field(
        {}, description="names and passwords; with some, who publishes must be one of them; default: nobody need be"
    )
    players_are_users: bool = Field(False, description="who plays must be one of the users, too")
    max_wrong_passwords_per_minute: int = Field(
        30,
        ge=0,
        description="of users, from one address (IPv6: /64); beyond it none from there is looked at; 0: no limit",
    )
    webhook: HttpUrl | None = Field(
        None,
        description="address that is asked whether somebody may publish or play (docs/live.md); default: nothing is",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="what is sent to the webhook is signed with it (Standard Webhooks); default: not signed"
    )
    webhook_timeout: float = Field(3.0, gt=0, le=8, description="seconds that the webhook has for its answer")
    webhook_at_once: int = Field(32, ge=1, le=1_000, description="questions to the webhook that are under way at once")
    webhook_max_waiting: int = Field(
        1_000, ge=0, le=100_000, description="more that wait for their turn; about others there is no answer"
    )
    webhook_max_waiting_per_address: int = Field(
        200,
        ge=0,
        description="of one address (IPv6: /64), those under way among them; others are denied; 0: no limit",
    )
    webhook_no_answer: NoAnswer = Field(
        NoAnswer.DENY, description="what becomes of those about whom the webhook does not answer: deny or allow"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_secret(value.get_secret_value())
        return value

    @field_validator("users")
    @classmethod
    def _are_users(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for user, password in value.items():
            if USER.fullmatch(user) is None:
                raise ValueError("a user has 1 to 49 letters, digits and characters of -._~@ as its name")
            if not password.get_secret_value().strip():
                raise ValueError(f"the password of {user} must not be empty")
        return value

    @model_validator(mode="after")
    def _has_users(self) -> Self:
        if self.players_are_users and not self.users:
            raise ValueError("players_are_users needs users")
        return self

    @field_validator("publish_secret", "play_secret")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("a secret must not be empty")
        return value
