"""Where Redis is, as an operator writes it: ``redis://``, ``rediss://``, ``unix://``, with Sentinel, as a Cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT: Final = 6379
DEFAULT_SENTINEL_PORT: Final = 26379

Kind = Literal["server", "sentinel", "cluster"]

KINDS: Final[tuple[tuple[str, Kind], ...]] = (("", "server"), ("+sentinel", "sentinel"), ("+cluster", "cluster"))
SCHEMES: Final[dict[str, tuple[Kind, bool]]] = {
    f"{product}{secure}{suffix}": (kind, bool(secure))
    for product in ("redis", "valkey")
    for secure in ("", "s")
    for suffix, kind in KINDS
}
FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
TLS_OPTIONS: Final = (*FILES, "ssl_check_hostname")
SENTINEL_OPTIONS: Final = ("sentinel_username", "sentinel_password")
HOW: Final = (
    "write redis://HOST:PORT/DB, rediss:// with TLS, unix:///PATH, "
    "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB, or redis+cluster://HOST:PORT,HOST:PORT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUrl:
    """What an operator has said of Redis.

    Attributes:
        kind: One server, one that Sentinel tells of, or a Cluster.
        hosts: Of the server, of Sentinels, or of some servers of the Cluster.
        path: Of a Unix socket, instead of ``hosts``.
        tls: Whether connections are encrypted, to Sentinels, too.
        service: What Sentinel calls the server.
        database: Its number.
        username: Who we are; None: the default user.
        password: What proves it.
        options: Files of TLS, and who we are at Sentinels, in redis-py's words.
    """

    kind: Kind = "server"
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    tls: bool = False
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def unreadable_file(self) -> str:
        """A file of TLS that cannot be read, and why; "": there is none."""
        for name in FILES:
            if name in self.options:
                try:
                    with open(self.options[name], "rb"):
                        pass
                except OSError as error:
                    return f"{name}={self.options[name]}: {error.strerror}"
        return ""

    def __str__(self) -> str:
        """Without what is secret."""
        if self.path:
            return f"unix://{self.path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        scheme = ("rediss" if self.tls else "redis") + ("" if self.kind == "server" else f"+{self.kind}")
        service = f"/{self.service}" if self.service else ""
        return f"{scheme}://{hosts}{service}"


def parse_url(text: str) -> StoreUrl:
    """Reads what an operator wrote.

    Raises:
        ValueError: It cannot be read; the text says what is wrong and how it is written, without passwords.
    """
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"the address of Redis cannot be read: {error}; {HOW}") from None
    username, password = _credentials(parts.netloc)
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError(f"the address of Redis has no path of a socket; {HOW}")
        return StoreUrl(
            path=unquote(parts.path),
            username=username,
            password=password,
            database=_database(dict(_options(parts.query, ("db",))).get("db", "0")),
        )
    if parts.scheme not in SCHEMES:
        raise ValueError(f"{parts.scheme[:32]!r} is no scheme of an address of Redis; {HOW}")
    kind, tls = SCHEMES[parts.scheme]
    path = [unquote(part) for part in parts.path.strip("/").split("/") if part]
    service = ""
    if kind == "sentinel":
        if not path:
            raise ValueError(f"the address of Redis does not say what Sentinel calls it; {HOW}")
        service = path.pop(0)
    if kind == "cluster" and path:
        raise ValueError("a Redis Cluster has no databases: nothing can follow its hosts")
    if len(path) > 1:
        raise ValueError(f"the address of Redis has more in it than a database; {HOW}")
    hosts = _hosts(parts.netloc, DEFAULT_SENTINEL_PORT if kind == "sentinel" else DEFAULT_PORT)
    if kind == "server" and len(hosts) > 1:
        raise ValueError(f"an address of one Redis has one host; {HOW}")
    allowed = (*(TLS_OPTIONS if tls else ()), *(SENTINEL_OPTIONS if kind == "sentinel" else ()))
    return StoreUrl(
        kind=kind,
        tls=tls,
        hosts=hosts,
        service=service,
        database=_database(path[0]) if path else 0,
        username=username,
        password=password,
        options=dict(_options(parts.query, allowed)),
    )


def _credentials(netloc: str) -> tuple[str | None, str | None]:
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return None, None
    username, colon, password = userinfo.partition(":")
    return unquote(username) or None, unquote(password) if colon else None


def _hosts(netloc: str, default_port: int) -> tuple[tuple[str, int], ...]:
    hosts = []
    for text in netloc.rpartition("@")[2].split(","):
        try:
            one = urlsplit(f"//{text}")
            host, port = one.hostname, one.port
        except ValueError as error:
            raise ValueError(f"{text[:200]!r} is no host of Redis: {error}; {HOW}") from None
        if not host:
            raise ValueError(f"the address of Redis has no host; {HOW}")
        hosts.append((host, default_port if port is None else port))
    return tuple(hosts)


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ValueError(f"{text[:32]!r} is no number of a database of Redis")
    return int(text)


def _options(query: str, allowed: tuple[str, ...]) -> list[tuple[str, str]]:
    options = parse_qsl(query, keep_blank_values=True)
    for name, value in options:
        if name not in allowed:
            known = ", ".join(allowed) or "none"
            raise ValueError(f"{name[:32]!r} is no option of such an address of Redis; there are: {known}")
        if name == "ssl_check_hostname" and value not in ("true", "false"):
            raise ValueError("ssl_check_hostname is true or false")
    return options
