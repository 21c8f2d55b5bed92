"""Settings of sessions: ``[live.sessions]``."""

from __future__ import annotations

from pydantic import Field

from miso.live.section import Section


class SessionsSettings(Section):
    """How many may publish and play."""

    max_publishers: int = Field(1_000, ge=0, description="publishers at once; 0: no limit")
    max_players: int = Field(20_000, ge=0, description="players at once; 0: no limit")
    max_publishers_per_address: int = Field(
        100, ge=0, description="publishers at once from one address (IPv6: /64); 0: no limit"
    )
    max_players_per_address: int = Field(
        2_000, ge=0, description="players at once from one address (IPv6: /64); 0: no limit"
    )
