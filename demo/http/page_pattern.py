"""Where pages of a cluster's servers may be: origins, with ``*`` for what differs from server to server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_PATTERN = re.compile(
    r"(?P<scheme>https?)://(?P<any>\*\.)?(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)*)(:(?P<port>[0-9]{1,5}|\*))?/?"
)


@dataclass(frozen=True, slots=True)
class PagePattern:
    """Origins of one form.

    Attributes:
        scheme: ``http`` or ``https``.
        host: A host name; names below it are meant where ``is_parent``.
        is_parent: Whether it was given as ``*.NAME``.
        port: Of the page; None: any.
    """

    scheme: str
    host: str
    is_parent: bool
    port: int | None

    @classmethod
    def parse(cls, text: str) -> PagePattern:
        """``https://*.room.example.org``, ``https://room.example.org:*``, ``https://room.example.org:4443``.

        Raises:
            ValueError: It is something else, or so wide that strangers have pages there: names below a single label
                (``*.com``). Which longer names are anybody's (``*.co.uk``) is not known here.
        """
        found = _PATTERN.fullmatch(text.lower())
        port = found["port"] if found is not None else None
        if found is None or (port is not None and port != "*" and not 1 <= int(port) <= 65_535):
            raise ValueError(
                f"{text!r} is no form of a page's address, such as https://*.room.example.org or "
                "https://room.example.org:*"
            )
        last = found["host"].rpartition(".")[2]
        if found["any"] and last.isdigit():
            raise ValueError(f"{text!r}: below {found['host']} there are no names: the end of an address is no name")
        if found["any"] and last == found["host"]:
            raise ValueError(
                f"{text!r} would let pages of all hosts below {last!r} come here, strangers' too: at least two labels "
                "must follow '*.', such as https://*.example.org"
            )
        number = None if port == "*" else int(port or _PORTS[found["scheme"]])
        return cls(found["scheme"], found["host"], found["any"] is not None, number)

    def __str__(self) -> str:
        return f"{self.scheme}://{'*.' if self.is_parent else ''}{self.host}:{'*' if self.port is None else self.port}"

    def matches(self, origin: str) -> bool:
        """Whether a page of that origin is meant; as browsers understand it, ``*.`` stands for any number of labels."""
        try:
            parts = urlsplit(origin)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:  # "http://[": no browser's
            return False
        host = (parts.hostname or "").rstrip(".")
        named = host.endswith(f".{self.host}") if self.is_parent else host == self.host
        return parts.scheme == self.scheme and named and self.port in (None, port)

    @property
    def source(self) -> str:
        """Where its WebSockets are, for ``connect-src`` of a Content-Security-Policy (CSP 3, section 2.3.1)."""
        return str(self).replace("http", "ws", 1)
