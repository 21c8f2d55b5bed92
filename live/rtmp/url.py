"""What an RTMP URL says: which server, which application, which stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from miso.live.rtmp.adobe_login import USER

MAX_URL_LENGTH: Final = 2048
"""Characters."""
_PORTS: Final = {"rtmp": 1935, "rtmps": 443}


@dataclass(frozen=True, slots=True)
class RtmpUrl:
    """A stream of a server.

    Attributes:
        is_tls: It begins with ``rtmps``.
        host: A name or an IP address, without brackets.
        port: Where the server listens.
        app: The path up to its last part, without slashes around it.
        name: The last part of the path, and the query behind it. It may be a secret: who has it can publish.
        user: For a server that wants to know who connects; empty: none.
        password: What proves it.
    """

    is_tls: bool
    host: str
    port: int
    app: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def tc_url(self) -> str:
        """The URL without the stream's name: what connect says, and what a log may."""
        scheme = "rtmps" if self.is_tls else "rtmp"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{host}{port}/{self.app}"


def read_url(url: str) -> RtmpUrl:
    """Reads a URL like ``rtmp://[user:password@]host[:port]/app[/deeper]/name[?query]``.

    User and password are for servers that ask (:mod:`miso.live.rtmp.adobe_login`); others want them in the query.

    Raises:
        ValueError: It is none, or has no application or no name. The text does not repeat the URL: it may be a secret.
    """
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"the RTMP URL has {len(url)} characters, expected at most {MAX_URL_LENGTH}")
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError("the RTMP URL has blanks or control characters")
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme not in _PORTS:
        raise ValueError(f"the RTMP URL begins with {parts.scheme[:16]!r}, expected rtmp:// or rtmps://")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if (parts.username is not None or password) and (USER.fullmatch(user) is None or not password):
        raise ValueError(f"the RTMP URL has an @ before its path, expected USER:PASSWORD, with USER as {USER.pattern}")
    app, _, name = parts.path.strip("/").rpartition("/")
    if not parts.hostname or not app or not name:
        raise ValueError("the RTMP URL is incomplete, expected rtmp://host/app/name")
    query = f"?{parts.query}" if parts.query else ""
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    return RtmpUrl(parts.scheme == "rtmps", parts.hostname, port, app, name + query, user, password)
