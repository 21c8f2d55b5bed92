"""Settings of broadcasts: ``[live.players]``."""

from __future__ import annotations

from pydantic import Field

from miso.live.section import Section


class PlayersSettings(Section):
    """What players are sent, and how slow they may be."""

    gop_cache: bool = Field(
        True, description="keep what has come since the latest key frame: who asks for start=fast has a picture at once"
    )
    max_packets: int = Field(
        4_096,
        ge=1,
        description="packets that are kept of a stream in each format; payloads are shared",
    )
    max_bytes: int = Field(32_000_000, ge=1, description="bytes that are kept of them")
    max_lag: float = Field(
        12.0, gt=0, description="seconds that a player may lag behind; then it skips to the newest key frame"
    )
    max_skips: int = Field(3, ge=0, description="skips within 2 minutes; a player that needs more is closed")
    frozen: float = Field(10.0, gt=0, description="seconds after which a player that takes nothing is closed")
    max_told_bytes: int = Field(
        65_536, ge=1, description="bytes of answers that wait for one player; who lets more come together is closed"
    )
