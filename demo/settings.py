"""Every setting of the ``controller`` command, in one model.

A flag wins over the environment, which wins over the TOML file of ``--config``. ``--https-port 443``,
``MISO_HTTPS_PORT=443`` and ``https_port = 443`` are the same. The environment names of mediasoup-demo (such as
``PROTOO_LISTEN_PORT``) are understood too; a ``MISO_`` name wins over them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, SecretStr, create_model, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource

from miso.cluster.directory.node_id import new_node_id
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.placement.hosts import is_web_url
from miso.commands.command_line import CommandLine, CommandSettings
from miso.demo.http.origins import check_origin
from miso.demo.http.page_pattern import PagePattern
from miso.live.engine.plugin import Plugin
from miso.live.engine.settings import LiveSettings
from miso.live.engine.settings_model import live_settings_model

REFERENCE_NAMES = {
    "PROTOO_LISTEN_PORT": "https_port",
    "HTTPS_CERT_FULLCHAIN": "tls_certificate",
    "HTTPS_CERT_PRIVKEY": "tls_key",
    "MEDIASOUP_WORKER_BIN": "worker_bin",
    "WORKER_CERT_FULLCHAIN": "dtls_certificate",
    "WORKER_CERT_PRIVKEY": "dtls_key",
    "MEDIASOUP_LISTEN_IP": "media_ip",
    "MEDIASOUP_ANNOUNCED_IP": "announced_address",
    "MEDIASOUP_USE_WEBRTC_SERVER": "webrtc_server",
    "MEDIASOUP_MIN_PORT": "media_min_port",
    "MEDIASOUP_MAX_PORT": "media_max_port",
    "NETWORK_THROTTLE_SECRET": "network_throttle_secret",
}
"""The reference demo's environment names, and the settings they mean."""

_HIGHEST_PORT = 65535
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
Port = Annotated[int, Field(ge=0, le=_HIGHEST_PORT)]
WorkerLogLevel = Literal["debug", "warn", "error", "none"]
WorkerLogTag = Literal[
    "info", "ice", "dtls", "rtp", "srtp", "rtcp", "rtx", "bwe", "score", "simulcast", "svc", "sctp", "message"
]


def data_home() -> Path:
    """Where a user's programs keep their data: ``$XDG_DATA_HOME/miso`` or ``~/.local/share/miso``."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "miso"


class Settings(CommandSettings):
    """Serves a room to browsers: signaling, web page and media workers."""

    workers: int = Field(
        os.cpu_count() or 1, ge=1, le=256, description="media worker processes; by default one for each CPU core"
    )
    worker_bin: Path | None = Field(
        None, description="the worker program; the default is this package's own. Any mediasoup worker of 3.10 will do"
    )
    spread_viewers_at: float = Field(
        0.3,
        ge=0,
        le=1,
        description="load of a worker, 0 to 1, from which on a room's viewers go to another one that has less to do",
    )
    spread_senders_at: float = Field(
        0.6, ge=0, le=1, description="the same for those who send: their streams are piped to who is elsewhere"
    )
    spread_gain: float = Field(0.1, ge=0, le=1, description="by how much that other worker must be less loaded")
    worker_timeout: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="seconds without an answer after which a worker counts as hung, is killed and replaced; 0: never",
    )
    worker_log_level: WorkerLogLevel = Field("warn", description="what the workers log")
    worker_log_tags: Annotated[list[WorkerLogTag], NoDecode] = Field(
        ["info", "ice", "dtls"],
        description="which topics the workers log, comma-separated, of " + ", ".join(get_args(WorkerLogTag)),
    )
    dtls_certificate: Path | None = Field(None, description="PEM certificate for media (DTLS); default: made at start")
    dtls_key: Path | None = Field(None, description="PEM private key that belongs to --dtls-certificate")

    redis: SecretStr | None = Field(
        None,
        description="address of the Redis or Valkey that the servers of a cluster share (redis://, rediss://, "
        "redis+sentinel://, redis+cluster://, unix://); default: this server is alone",
    )
    node_name: str = Field("", description="what this server is called in its cluster; default: the machine's name")
    region: str = Field(
        "",
        max_length=200,
        description="where this server stands, such as eu-west-1: clients are sent to near ones first",
    )
    cluster_address: str | None = Field(
        None,
        description="address of this machine that the cluster's other servers reach, in a private network; default: "
        "the first that media listens on",
    )
    cluster_announced_address: str | None = Field(
        None,
        description="IP address under which the cluster's other servers reach --cluster-address, when a NAT or a "
        "container's network stands between",
    )
    public_url: str = Field(
        "",
        description="address of this server's page, such as https://a.example.org:4443, to which browsers of other "
        "servers may be sent; default: none are, and they come back to where they were",
    )
    cluster_pages: Annotated[list[str], NoDecode] = Field(
        [],
        description="where pages of servers may be that come to the cluster later, such as https://*.room.example.org "
        "or https://room.example.org:*, comma-separated: pages may go there that were loaded before; default: only to "
        "servers that were there then",
    )
    drain_timeout: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="seconds that a server of a cluster takes to send its people to others at its end",
    )

    https: bool = Field(True, description="serve page and signaling over HTTPS")
    https_host: str = Field("", description="address to serve HTTPS on; empty: all addresses, IPv6 and IPv4")
    https_port: Port = Field(4443, description="HTTPS port; 0: a free one")
    tls_certificate: Path | None = Field(
        None, description="PEM certificate chain for HTTPS; default: one made at first start, kept in --data-dir"
    )
    tls_key: Path | None = Field(None, description="PEM private key that belongs to --tls-certificate")
    http: bool = Field(True, description="serve plain HTTP to this machine only; browsers allow cameras there")
    http_port: Port = Field(3000, description="port on localhost for plain HTTP; 0: a free one")
    data_dir: Path = Field(data_home(), description="where the self-made certificate is kept")

    media_ip: Annotated[list[str], NoDecode] = Field(
        [], description="local addresses for media, comma-separated; default: every one found, and 127.0.0.1"
    )
    announced_address: str | None = Field(
        None, description="address under which browsers reach this machine's media, when a NAT stands between"
    )
    webrtc_server: bool = Field(True, description="carry all media of a worker over one port")
    webrtc_server_port: Port = Field(
        44444,
        description="the first worker's media port; worker N has the Nth after it, or a later one when it is taken",
    )
    media_min_port: Port = Field(40000, description="lowest port for media without --webrtc-server")
    media_max_port: Port = Field(49999, description="highest port for media without --webrtc-server")
    udp: bool = Field(True, description="carry media over UDP")
    tcp: bool = Field(True, description="carry media over TCP where UDP does not get through")
    initial_outgoing_bitrate: int = Field(
        1_000_000, ge=30_000, description="bitrate assumed towards a browser before it is measured, in bit/s"
    )
    max_incoming_bitrate: int = Field(
        5_000_000, ge=0, description="most that a browser may send, in bit/s; 0: no limit"
    )
    ice_consent_timeout: int = Field(
        20, ge=0, le=3600, description="seconds without a sign of life after which a browser is gone; 0: never"
    )

    transport_stall_timeout: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="seconds that a transport may wait for its client's fingerprints or DTLS, and three times as "
        "long for ICE, before that is logged and told; 0: for ever",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        [],
        description="pages that may use this server beside its own, such as https://room.example.org or just "
        "room.example.org, comma-separated; it is known under their host names then; *: all",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        [],
        description="addresses or networks (10.0.0.0/8) of reverse proxies whose X-Forwarded-For is believed, "
        "comma-separated; default: nobody's",
    )
    max_rooms: int = Field(2000, ge=0, description="rooms at once; 0: no limit")
    max_peers_per_room: int = Field(250, ge=0, description="peers in one room at once; 0: no limit")
    max_sockets_per_address: int = Field(
        2000, ge=0, description="TCP connections to page and signaling from one address (IPv6: /64); 0: no limit"
    )
    max_connections_per_address: int = Field(1000, ge=0, description="peers from one address at once; 0: no limit")
    max_rooms_per_address: int = Field(200, ge=0, description="rooms made from one address at once; 0: no limit")
    max_transports_per_address: int = Field(
        3000, ge=0, description="transports of peers from one address at once; 0: no limit"
    )
    connections_per_minute: int = Field(
        1200, ge=0, description="peers that come from one address, a sixth of them in one go; 0: no limit"
    )
    joins_per_minute: int = Field(
        1200, ge=0, description="peers from one address that join, a sixth of them in one go; 0: no limit"
    )
    rooms_per_minute: int = Field(
        300, ge=0, description="rooms made from one address, a sixth of them in one go; 0: no limit"
    )
    transports_per_minute: int = Field(
        3000, ge=0, description="transports made from one address, a sixth of them in one go; 0: no limit"
    )
    strict_peer_ids: bool = Field(
        False,
        description="let nobody take a peer's place by its peerId alone, even that of a client without peerSecret",
    )
    max_consumer_replicas: int = Field(
        0,
        ge=0,
        le=32,
        description="copies of each consumer that who makes a room may ask for (consumerReplicas), to load clients",
    )
    max_consumers_per_peer: int = Field(
        500, ge=1, description="consumers, and data consumers, of one peer; beyond them it is offered nothing more"
    )

    max_unsent_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1_000_000,
        description="signaling that may wait for clients that read slowly, all together; who has most is closed first",
    )
    broadcasters: Literal["off", "local", "on"] = Field(
        "local",
        description="who may send and record by the HTTP API: nobody, programs on this machine, or all who reach it",
    )
    broadcaster_secret: SecretStr | None = Field(
        None, description="what broadcasters must show instead (Authorization: Bearer …), wherever they come from"
    )
    broadcaster_ip: str | None = Field(
        None,
        description="local address for broadcasters' plain RTP; default: 127.0.0.1, or the first of --media-ip "
        "when others than this machine may come",
    )
    broadcaster_timeout: float = Field(
        60.0,
        ge=1,
        le=86_400,
        description="seconds without a packet or a request after which a broadcaster, or a room made for one, goes",
    )
    max_broadcasters_per_room: int = Field(20, ge=0, description="broadcasters in one room at once; 0: no limit")

    rtcstats_url: str | None = Field(
        None,
        description="where clients of 2026 are told to send their own statistics (rtcstats); default: nowhere",
    )
    network_throttle_secret: SecretStr | None = Field(
        None,
        description="lets clients that know it make the network of this server's media worse (applyNetworkThrottle; "
        "needs root and iptables); in the environment or the file fewer people see it than in a flag",
    )
    live: LiveSettings = Field(LiveSettings(), description="the live side")
    no_live: bool = Field(False, description="serve rooms only, and no live streams")

    status_interval: float = Field(120.0, gt=0, description="seconds between log lines on rooms and workers")

    @field_validator(
        "media_ip", "worker_log_tags", "trusted_proxies", "allowed_origins", "cluster_pages", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """A list may be given as one comma-separated text."""
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("media_ip")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(str(ipaddress.ip_address(address)) for address in value))

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(check_origin(entry) for entry in value))

    @field_validator("cluster_pages")
    @classmethod
    def _cluster_pages(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(str(PagePattern.parse(entry)) for entry in value))

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(str(ipaddress.ip_network(network, strict=False)) for network in value))

    @field_validator("redis")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_url(value.get_secret_value())
        return value

    @field_validator("node_name")
    @classmethod
    def _node_name(cls, value: str) -> str:
        if value:
            new_node_id(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        if value and not is_web_url(value):
            raise ValueError(
                f"{value!r} is no address of a page: it begins with https:// or http://, and names one host"
            )
        return value.rstrip("/")

    @field_validator("broadcaster_ip", "cluster_address", "cluster_announced_address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return str(ipaddress.ip_address(value)) if value is not None else None

    @field_validator("broadcaster_secret")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("a secret must not be empty")
        return value

    @field_validator("announced_address")
    @classmethod
    def _announced(cls, value: str | None) -> str | None:
        """Browsers get it as it is, and a certificate is made for it."""
        if value is not None and not _is_ip(value) and not _HOST_NAME.fullmatch(value):
            raise ValueError(f"{value!r} is neither an IP address nor a host name")
        return value

    @field_validator("config", "worker_bin", "dtls_certificate", "dtls_key", "tls_certificate", "tls_key", "data_dir")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        """No shell does this for a file or the environment."""
        return value.expanduser() if value is not None else None

    @model_validator(mode="after")
    def _check(self) -> Settings:
        for certificate, key in (("tls_certificate", "tls_key"), ("dtls_certificate", "dtls_key")):
            if (getattr(self, certificate) is None) != (getattr(self, key) is None):
                raise ValueError(f"{certificate} and {key} belong together: give both or none")
        if not self.udp and not self.tcp:
            raise ValueError("without udp and tcp there is no way for media: leave one of them on")
        if not self.https and not self.http:
            raise ValueError("without https and http there is nothing to serve: leave one of them on")
        self._check_cluster_address()
        if self.media_min_port > self.media_max_port:
            raise ValueError(f"media_min_port {self.media_min_port} is above media_max_port {self.media_max_port}")
        if self.webrtc_server and self.webrtc_server_port + self.workers - 1 > _HIGHEST_PORT:
            raise ValueError(
                f"webrtc_server_port {self.webrtc_server_port} is too high: {self.workers} workers take one port each"
            )
        return self

    def _check_cluster_address(self) -> None:
        """What other servers are told is one address of one machine."""
        announced = self.cluster_announced_address
        name = "cluster_address" if announced is None else "cluster_announced_address"
        address = ipaddress.ip_address(announced or self.cluster_address or "127.0.0.1")
        if address.is_unspecified or address.is_multicast:
            raise ValueError(f"{name} {address} is no address that other servers can send to")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """From the strongest to the weakest; flags stand before them all."""
        sources = super().settings_customise_sources(
            settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
        )
        return *sources, _ReferenceEnvironment(settings_cls)


class _ReferenceEnvironment(PydanticBaseSettingsSource):
    """Reads the environment names of mediasoup-demo."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        names = [name for name, setting in REFERENCE_NAMES.items() if setting == field_name]
        values = [os.environ[name] for name in names if os.environ.get(name)]
        return (values[0] if values else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


_EPILOG = """\
Each flag is also an environment name (MISO_HTTPS_PORT=443) and a line of the TOML file (https_port = 443). Flags win
over the environment, which wins over the file. Exit codes: 0 after a signal, 1 cannot start, 2 wrong settings.
What is wrong with a machine, network or Redis, and what to do about it: controller doctor, with the same settings.
Ports to open, NAT, certificates, systemd, containers, and what to do when something fails: docs/running.md"""


_DOCTOR = "Looks whether a server with these settings will work, and tells what to do if not; it starts none."
_DOCTOR_EPILOG = """\
It takes the settings of controller, from the same places. Each line begins with ok, warning or failed. Exit codes:
0 nothing failed, 1 something will not work, 2 wrong settings."""


def command_line(plugins: Iterable[type[Plugin]] = (), *, doctor: bool = False) -> CommandLine[Settings]:
    """How the ``controller`` command gets its settings.

    Args:
        plugins: Of the live side; each has a section in ``[live]``.
        doctor: It is ``controller doctor``.
    """
    live = live_settings_model(plugins)
    model = create_model(
        "Settings",
        __base__=Settings,
        __doc__=_DOCTOR if doctor else Settings.__doc__,
        live=(live, Field(live(), description="the live side")),
    )
    if doctor:
        return CommandLine("controller doctor", model, _DOCTOR_EPILOG, REFERENCE_NAMES)
    return CommandLine("controller", model, _EPILOG, REFERENCE_NAMES)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
