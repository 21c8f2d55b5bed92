"""Where a stream can be played: its address by each protocol that is served, with a token where one is needed."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote

from miso.live.access.tokens import Action
from miso.live.engine.services import Live
from miso.live.statistics.forms import Form, status_of
from miso.live.statistics.server_forms import iso_time

DEFAULT_TTL_S: Final = 3_600
"""A token holds for so long."""
MIN_TTL_S: Final = 60
MAX_TTL_S: Final = 86_400


class _Kind(NamedTuple):
    """One way to play.

    Attributes:
        protocol: As Node-Media-Server calls it; ``hls`` and ``https-hls`` are ours.
        plugin: The section of what serves it.
        listener: Where.
        scheme: Of the address.
        default_port: Of the scheme: it is left out.
        ending: Behind the stream's path.
    """

    protocol: str
    plugin: str
    listener: str
    scheme: str
    default_port: int
    ending: str


_KINDS: Final = (
    _Kind("rtmp", "rtmp", "rtmp", "rtmp", 1935, ""),
    _Kind("rtmps", "rtmp", "rtmps", "rtmps", 443, ""),
    _Kind("http-flv", "flv", "http", "http", 80, ".flv"),
    _Kind("ws-flv", "flv", "http", "ws", 80, ".flv"),
    _Kind("https-flv", "flv", "https", "https", 443, ".flv"),
    _Kind("wss-flv", "flv", "https", "wss", 443, ".flv"),
    _Kind("hls", "hls", "http", "http", 80, ".m3u8"),
    _Kind("https-hls", "hls", "https", "https", 443, ".m3u8"),
)


def addresses_form(live: Live, host: str, path: str, ttl_s: int) -> Form:
    """All addresses of a stream, be it published or not.

    Args:
        live: What is served, and who may play.
        host: As who asks calls this server.
        path: The stream's.
        ttl_s: So long a token holds, in seconds; held to ``MIN_TTL_S`` to ``MAX_TTL_S``.
    """
    expiry_s = int(live.unix_s()) + min(max(ttl_s, MIN_TTL_S), MAX_TTL_S)
    token = live.gate.token(Action.PLAY, path, expiry_s)
    app, _, name = path.rpartition("/")
    stream = live.streams.get(path)
    return {
        "app": app,
        "name": name,
        "streamPath": f"/{path}",
        "status": status_of(stream),
        "signed": token is not None,
        "expiresAt": iso_time(expiry_s) if token is not None else None,
        "urls": [
            {"protocol": kind.protocol, "url": _address(kind, live.ports[kind.listener], host, path, token)}
            for kind in _KINDS
            if kind.listener in live.ports and _is_served(live, kind.plugin)
        ],
    }


def _is_served(live: Live, plugin: str) -> bool:
    section = getattr(live.settings, plugin, None)
    return section is not None and section.enabled


def _address(kind: _Kind, port: int, host: str, path: str, token: str | None) -> str:
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port == kind.default_port else f":{port}"
    # players of RTMP send the path as it stands in the address, players of HTTP decode nothing and servers do
    shown_path = quote(path) if kind.ending else path
    query = f"?token={token}" if token is not None else ""
    return f"{kind.scheme}://{shown_host}{shown_port}/{shown_path}{kind.ending}{query}"
