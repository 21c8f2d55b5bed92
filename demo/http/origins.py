"""From which web pages browsers may come, and under which names this server is known to them.

A browser lets any page open a WebSocket to any server, and says in ``Origin`` which page it was (RFC 6455 section
10.2). By default only our own pages may: those whose origin is the host that the browser asked for. That host is looked
at too, since a stranger can make a name of his own lead to our address when his page has been loaded (DNS rebinding):
then both are his.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from miso.demo.http.page_pattern import PagePattern

ANY: Final = "*"
NULL: Final = "null"
_SCHEMES: Final = {"http": 80, "https": 443}
_SAFE_METHODS: Final = ("GET", "HEAD")
_ADVICE: Final = "--allowed-origins"


class Origins:
    """Decides whom to turn away."""

    def __init__(
        self,
        allowed: Iterable[str],
        names: Iterable[str],
        others: Callable[[], Iterable[str]] = lambda: (),
        pages: Iterable[PagePattern] = (),
    ) -> None:
        """Makes the rule.

        Args:
            allowed: Of other pages: origins (``https://room.example.org``), host names, ``null``, or ``*`` for all.
            names: Host names of this server, such as its certificate's; ``*.example.org`` stands for one label.
            others: Gives the addresses of the cluster's other servers at the moment: their page is the same as ours.
            pages: Where else there may be servers of the cluster, or may have been.
        """
        self._pages = list(pages)
        self._others = others
        self._any = ANY in allowed
        self._allowed = {_origin(entry) if "://" in entry else entry.lower() for entry in allowed}
        hosts = (urlsplit(entry).hostname or "" if "://" in entry else entry for entry in allowed)
        self._names = {_plain(name) for name in (*names, *hosts)} - {"", ANY, NULL}

    def refusal(self, headers: Mapping[str, str], method: str | None) -> str | None:
        """Why a request is to be refused with 403; None when it is not.

        Args:
            headers: Its headers, names in lower case.
            method: Its HTTP method; None for a WebSocket. What is no browser sends no ``Origin``, and may open
                WebSockets whatever it calls us.
        """
        if self._any:
            return None
        origin, host = headers.get("origin"), headers.get("host", "")
        if (method is not None or origin is not None) and not self._knows(host):
            return f"this server is not known as {_shown(host)}: {_ADVICE} makes it known"
        if origin is None or method in _SAFE_METHODS or self._allows(origin, host):
            return None
        return f"pages of {_shown(origin)} may not come here: {_ADVICE} allows it"

    @property
    def reachable(self) -> list[str]:
        """Where else a page of ours may open WebSockets: at the cluster's other servers, as origins."""
        others = (_origin(other).replace("http", "ws", 1) for other in self._others())
        return [*others, *(page.source for page in self._pages)]

    def _knows(self, host: str) -> bool:
        name, _ = _host_and_port(host)
        if not name or name == "localhost" or name.endswith(".localhost") or _is_ip(name):
            return True
        return name in self._names or f"*.{name.partition('.')[2]}" in self._names

    def _allows(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False  # "http://[": no browser's
        if parts.scheme not in _SCHEMES:
            return origin in self._allowed
        own_name = _plain(parts.hostname or "")
        if _origin(origin) in self._allowed or own_name in self._allowed:
            return True
        if any(_origin(origin) == _origin(other) for other in self._others()):
            return True
        if any(page.matches(origin) for page in self._pages):
            return True
        default = _SCHEMES[parts.scheme]
        name, port = _host_and_port(host)
        return (own_name, _port_of(origin, default)) == (name, default if port is None else port)


def check_origin(entry: str) -> str:
    """An entry of ``--allowed-origins``, looked at.

    Raises:
        ValueError: It is neither an origin nor a host name.
    """
    if "://" in entry:
        parts = urlsplit(entry)
        is_one = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        if not is_one or parts.path not in ("", "/") or any(char in entry for char in "?#@ *"):
            raise ValueError(f"{entry!r} is no origin, such as https://room.example.org; {ANY!r} alone stands for all")
    elif entry not in (ANY, NULL) and any(char in entry for char in "/:?#@ *"):
        raise ValueError(f"{entry!r} is neither an origin, such as https://room.example.org, nor a host name")
    return entry.lower().rstrip("/")


def _origin(text: str) -> str:
    """An origin in one form: lower case, the port always there."""
    parts = urlsplit(text.lower())
    return f"{parts.scheme}://{_plain(parts.hostname or '')}:{_port_of(text, _SCHEMES.get(parts.scheme, 0))}"


def _port_of(url: str, default: int) -> int:
    try:
        return urlsplit(url).port or default
    except ValueError:
        return -1  # nobody's


def _host_and_port(host: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        return _plain(parts.hostname or ""), parts.port
    except ValueError:
        return "?", None


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."
