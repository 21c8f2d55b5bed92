"""Settings of who is an operator: ``[live.operators]``."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from miso.live.section import Section


class OperatorsSettings(Section):
    """Who is an operator."""

    secret: SecretStr | None = Field(
        None, description="who brings it is an operator (Authorization: Bearer SECRET); default: who is of this machine"
    )

    @field_validator("secret")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("a secret must not be empty")
        return value
