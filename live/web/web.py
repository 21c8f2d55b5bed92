"""What plugins serve over HTTP, as one application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from miso.serving.client_address import client_address, plain_address
from miso.serving.security_headers import with_security_headers

_PROBE: Final[Scope] = {"type": "http", "method": "GET", "root_path": "", "headers": []}


class Web:
    """An ASGI application whose routes come and go with plugins. Who may use a route is the route's business.

    Args:
        trusted_proxies: Networks whose reverse proxies tell the truth of whom they speak for.
    """

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        self._app = Starlette()
        self._upgrades: list[BaseRoute] = []
        self._trusted_proxies = tuple(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request or WebSocket."""
        await self._app(scope, receive, with_security_headers(send))

    def add(self, routes: Sequence[BaseRoute], *, upgrades: bool = False) -> Callable[[], None]:
        """Serves these, too. What several have, the first gets.

        Args:
            routes: Of Starlette.
            upgrades: They take requests to become a WebSocket as ordinary requests, and take the connection over
                (:data:`miso.serving.http_connection.TAKEOVER`).

        Returns:
            Takes them out again; calling it again does nothing.
        """
        added = list(routes)
        self._app.router.routes.extend(added)
        if upgrades:
            self._upgrades.extend(added)

        def remove() -> None:
            for among in (self._app.router.routes, self._upgrades):
                among[:] = [route for route in among if not any(route is one for one in added)]

        return remove

    def serves(self, scope: Scope) -> bool:
        """Whether a request is for one of the routes, be it with another method than it takes."""
        return any(route.matches(scope)[0] is not Match.NONE for route in self._app.router.routes)

    def keeps_upgrade(self, path: str) -> bool:
        """For :class:`miso.serving.http_server.HttpServer`."""
        scope = {**_PROBE, "path": path}
        return any(route.matches(scope)[0] is not Match.NONE for route in self._upgrades)

    def address_of(self, request: HTTPConnection) -> str:
        """Who a request comes from: an IP address, of an IPv6 client its /64 if a proxy speaks for it."""
        host = request.client.host if request.client is not None else ""
        forwarded_for = ", ".join(request.headers.getlist("x-forwarded-for"))
        if not forwarded_for or not self._trusted_proxies:
            return plain_address(host)
        return client_address(host, forwarded_for, self._trusted_proxies)
