"""Settings of the HTTP side: ``[live.web]``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from miso.live.section import PluginSettings


class WebSettings(PluginSettings):
    """Where live streams are served over HTTP, beside the ports of the rooms."""

    host: str = Field("", description="address to listen on; empty: all of them")
    port: int = Field(8000, ge=0, le=65535, description="port of HTTP; 0: a free one")
    https_port: int = Field(8443, ge=0, le=65535, description="port of HTTPS, with a certificate; 0: a free one")
    tls_certificate: Path | None = Field(None, description="PEM file with the certificate chain; with tls_key: HTTPS")
    tls_key: Path | None = Field(None, description="PEM file with the certificate's key")
    max_connections: int = Field(30_000, ge=0, description="connections to these ports at once; 0: no limit")
    max_connections_per_address: int = Field(
        3_000, ge=0, description="connections from one address (IPv6: /64) at once; 0: no limit"
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses or networks (10.0.0.0/8) of reverse proxies whose X-Forwarded-For is believed"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(network, strict=False)) for network in value)

    @model_validator(mode="after")
    def _certificate_has_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self
