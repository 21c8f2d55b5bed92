"""Settings of the RTMP server: ``[live.rtmp]``."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from miso.live.rtmp.chunks import ChunkLimits
from miso.live.rtmp.session.server_session import SessionLimits
from miso.live.section import PluginSettings

_MAX_MESSAGE_BYTES = 16 * 1024 * 1024 - 1


class RtmpSettings(PluginSettings):
    """Where RTMP is served, and what a client may take of time and memory."""

    host: str = Field("", description="address to listen on; empty: all of them")
    port: int = Field(1935, ge=0, le=65535, description="port of RTMP; 0: a free one")
    rtmps_port: int = Field(1936, ge=0, le=65535, description="port of RTMPS, with a certificate; 0: a free one")
    tls_certificate: Path | None = Field(None, description="PEM file with the certificate chain; with tls_key: RTMPS")
    tls_key: Path | None = Field(None, description="PEM file with the certificate's key")
    max_bitrate_kbps: int = Field(
        100_000, ge=0, description="what one publisher may send; who sends more is read more slowly; 0: no limit"
    )
    max_bitrate_kbps_per_address: int = Field(
        500_000, ge=0, description="what all publishers of one address (IPv6: /64) may send together; 0: no limit"
    )
    max_message_bytes: int = Field(
        10 * 1024 * 1024, ge=65_536, le=_MAX_MESSAGE_BYTES, description="the longest message, so the largest frame"
    )
    max_beginning: int = Field(4_000, ge=1, description="connections that neither publish nor play yet")
    max_beginning_per_address: int = Field(
        1_000, ge=1, description="connections from one address (IPv6: /64) that neither publish nor play yet"
    )
    begin_timeout: float = Field(10.0, gt=0, description="seconds until a client must have asked to publish or play")
    publisher_timeout: float = Field(
        10.0, gt=0, description="seconds after which a silent publisher is dead; after half of them it is pinged"
    )
    publisher_answer: float = Field(
        3.0, gt=0, description="seconds that a publisher has to show that it is there when another wants its stream"
    )
    player_timeout: float = Field(
        60.0, gt=0, description="seconds after which a silent player is dead; after half of them it is pinged"
    )

    @model_validator(mode="after")
    def _certificate_has_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self

    def session_limits(self) -> SessionLimits:
        """As sessions take them."""
        return SessionLimits(
            chunks=ChunkLimits(message_bytes=self.max_message_bytes),
            begin_s=self.begin_timeout,
            publisher_silent_s=self.publisher_timeout / 2,
            publisher_gone_s=self.publisher_timeout,
            player_silent_s=self.player_timeout / 2,
            player_gone_s=self.player_timeout,
        )
