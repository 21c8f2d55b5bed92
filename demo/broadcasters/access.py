"""Who may use the HTTP API of broadcasters."""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection

from miso.demo.settings import Settings
from miso.protoo import RequestError
from miso.serving.client_address import is_of_this_machine

UNAUTHORIZED = 401
FORBIDDEN = 403


def check_access(request: HTTPConnection, address: str, settings: Settings) -> None:
    """Whether a request may be answered at all.

    With a secret, whoever brings it (RFC 6750); else, unless the API is open, who comes from this machine. What a web
    page sends is refused: it says so by ``Origin`` or ``Sec-Fetch-Site``, which programs have no use for.

    Args:
        request: What was asked.
        address: Where it comes from, behind trusted proxies.
        settings: The server's.

    Raises:
        RequestError: It may not.
    """
    if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
        raise RequestError(FORBIDDEN, "web pages may not use this")
    if settings.broadcaster_secret is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        secret = settings.broadcaster_secret.get_secret_value()
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode("latin-1"), secret.strip().encode()
        ):
            raise RequestError(UNAUTHORIZED, "this needs the header Authorization: Bearer SECRET")
    elif settings.broadcasters == "local" and not is_of_this_machine(
        request.client.host if request.client is not None else "", address, request.headers, settings.trusted_proxies
    ):
        raise RequestError(FORBIDDEN, "broadcasters may come from this machine only (--broadcasters)")
