"""Who a request says it is from: user and password of its address, as HTTP has them."""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

from miso.live.errors import ParseError

_BASIC: Final = "basic"


class Credentials(NamedTuple):
    """A user and a password; empty: none."""

    user: str = ""
    password: str = ""


NO_CREDENTIALS: Final = Credentials()


def read_credentials(authorization: str) -> Credentials:
    """Reads the value of an Authorization header; one of another scheme than Basic (RFC 7617) says nothing here.

    Raises:
        ParseError: It is Basic, but no user and password in UTF-8. The text has nothing of them.
    """
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != _BASIC:
        return NO_CREDENTIALS
    try:
        decoded = base64.b64decode(encoded.strip().encode(), validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ParseError("Authorization: Basic is followed by no Base64 of UTF-8") from error
    user, colon, password = decoded.partition(":")
    if not colon:
        raise ParseError("Authorization: Basic has no colon, expected USER:PASSWORD")
    return Credentials(user, password)


def credentials_of(request: HTTPConnection) -> Credentials:
    """Of a request: those of its address before the host, which its header has, or ``?user=`` and ``?pass=``.

    Raises:
        ParseError: See :func:`read_credentials`.
    """
    found = read_credentials(request.headers.get("authorization", ""))
    if any(found):
        return found
    return Credentials(request.query_params.get("user", ""), request.query_params.get("pass", ""))


def challenge(request: HTTPConnection) -> str:
    """What WWW-Authenticate says to who has shown nothing.

    Programs like ffmpeg send user and password only when they are asked for them; for a script in a page the browser
    would ask its user, who has a link with a token and knows neither.
    """
    scheme = "Token" if request.headers.get("sec-fetch-mode", "navigate") != "navigate" else "Basic"
    return f'{scheme} realm="live streams"'
