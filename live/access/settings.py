"""Settings of who may publish and play: ``[live.access]``."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from miso.live.section import Section


class AccessSettings(Section):
    """Who may publish and play."""

    publish_secret: SecretStr | None = Field(
        None, description="who publishes needs a token made with it (docs/live.md); default: anybody may publish"
    )
    play_secret: SecretStr | None = Field(
        None, description="who plays needs a token made with it (docs/live.md); default: anybody may play"
    )

    @field_validator("publish_secret", "play_secret")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("a secret must not be empty")
        return value
