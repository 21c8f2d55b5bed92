"""Tells operators from others."""

from __future__ import annotations

import hmac
import ipaddress
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request

from miso.live.errors import DeniedError
from miso.live.operators.settings import OperatorsSettings
from miso.serving.client_address import client_address, is_of_this_machine

UNAUTHORIZED = 401
FORBIDDEN = 403


class Operators:
    """Lets operators pass.

    With a secret, whoever brings it is one (RFC 6750); else who comes from this machine. Of web pages, only our own may
    ask: others say by ``Sec-Fetch-Site`` or ``Origin`` that they are others. Without a secret the host must be an
    address or ``localhost``, too: a stranger's page can make a name of its own lead here (DNS rebinding).

    Attributes:
        refused: How many requests were sent away, by HTTP's status.

    Args:
        settings: The secret.
        trusted_proxies: Networks whose reverse proxies tell the truth of whom they speak for.
    """

    def __init__(self, settings: OperatorsSettings, trusted_proxies: Sequence[str]) -> None:
        self.refused: Counter[int] = Counter()
        secret = settings.secret
        self._secret = secret.get_secret_value().strip().encode() if secret is not None else None
        self._trusted_proxies = tuple(trusted_proxies)

    def check(self, request: Request) -> None:
        """Whether a request is an operator's.

        Raises:
            DeniedError: It is not; that is counted.
        """
        try:
            self._check(request)
        except DeniedError as error:
            self.refused[UNAUTHORIZED if error.unauthorized else FORBIDDEN] += 1
            raise

    def _check(self, request: Request) -> None:
        if _is_of_another_page(request):
            raise DeniedError("other web pages may not use this", unauthorized=False)
        if self._secret is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), self._secret):
                raise DeniedError("this needs the header Authorization: Bearer SECRET", unauthorized=True)
            return
        host = request.client.host if request.client is not None else ""
        forwarded_for = ", ".join(request.headers.getlist("x-forwarded-for"))
        address = client_address(host, forwarded_for, self._trusted_proxies)
        if not is_of_this_machine(host, address, request.headers, self._trusted_proxies):
            why = "operators may come from this machine only (--live.operators.secret)"
            raise DeniedError(why, unauthorized=False)
        if not _is_own_host(request.headers.get("host", "")):
            raise DeniedError("ask for localhost, or for an address", unauthorized=False)


def _is_of_another_page(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")


def _is_own_host(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost":
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
