"""Which stream a client means: the path and the query that stand in connect, in its tcUrl, and in the stream's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from miso.live.errors import RefusedError
from miso.live.media.amf import Value

MAX_ADDRESS_LENGTH: Final = 4096
"""Characters of app, tcUrl, or a stream's name."""
MAX_PARAMETERS: Final = 64
"""Of a query."""
VIA: Final = "misoVia"
"""In connect: the ids of the servers through which a stream has come, with commas between them. Others ignore it."""
_FILE_TYPES: Final = ("mp4:", "flv:", "mp3:", "id3:")
"""Flash's servers wanted these before the names of files; ffmpeg puts them there by a name's ending."""
MAX_VIA: Final = 16
"""Servers through which a stream may have come."""
MAX_VIA_LENGTH: Final = 64
"""Characters of the id of one."""
_SCHEMES: Final = ("rtmp://", "rtmps://", "rtmpt://", "rtmpe://")


@dataclass(frozen=True, slots=True)
class Application:
    """What connect says.

    Attributes:
        path: The part of a stream's path before its name, without slashes around it; often one word.
        query: What stood behind a question mark.
        user: From the URL; empty: none.
        password: From the URL; empty: none.
        via: See :func:`read_via`.
        is_proved: The client has proved that it knows the user's password.
    """

    path: str
    query: dict[str, str]
    user: str = ""
    password: str = ""
    via: tuple[str, ...] = ()
    is_proved: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """A stream that a client means.

    Attributes:
        path: ``app/name``, or deeper; whether a stream may be called so is for others to say.
        query: Of the URL and of the name; the name's count more.
        user: From the URL, or ``user`` of the query.
        password: From the URL, or ``pass`` of the query.
        via: The servers through which the stream has come, or will go; see :func:`read_via`.
        is_proved: The client has proved that it knows the user's password, which is not here then.
    """

    path: str
    query: dict[str, str]
    user: str = ""
    password: str = ""
    via: tuple[str, ...] = ()
    is_proved: bool = False


def read_via(value: Value) -> tuple[str, ...]:
    """Reads what a relay says in connect (``misoVia``): the ids of the servers that it relays for, itself the last.

    Raises:
        RefusedError: They are more than a stream may come through, or one is too long.
    """
    if not isinstance(value, str) or not value:
        return ()
    ids = tuple(value.split(","))
    if len(ids) > MAX_VIA or any(len(one) > MAX_VIA_LENGTH for one in ids):
        raise RefusedError(f"the stream comes through {len(ids)} servers, at most {MAX_VIA} are allowed")
    return ids


def read_application(app: str, tc_url: str, via: Value = None) -> Application:
    """Reads what connect says.

    Args:
        app: ``app``, with a query perhaps; empty: it is taken from the URL.
        tc_url: The URL without the stream's name; empty, or in quotes, from some encoders.
        via: What a relay says beside them; None: it is none.

    Raises:
        RefusedError: One is too long.
    """
    _check_length(app)
    _check_length(tc_url)
    tc_url = tc_url.strip().strip("'\"")
    user = password = url_path = url_query = ""
    if tc_url.startswith(_SCHEMES):
        try:
            url = urlsplit(tc_url)
            user, password = unquote(url.username or ""), unquote(url.password or "")
            url_path, url_query = url.path, url.query
        except ValueError:  # a host of brackets, say: what the client says in app counts
            url_path = url_query = ""
    path, _, app_query = app.partition("?")
    query = {**_parameters(url_query), **_parameters(app_query)}
    return Application(_clean(path) or _clean(url_path), query, user, password, read_via(via))


def read_address(application: Application, name: str) -> Address:
    """The stream of that name.

    Raises:
        RefusedError: It is none, too long, or its query has too many parameters.
    """
    _check_length(name)
    stem, _, name_query = name.partition("?")
    for file_type in _FILE_TYPES:
        stem = stem.removeprefix(file_type)
    stem = _clean(stem)
    if not stem and "/" not in application.path:  # a URL that has all may come as the app
        raise RefusedError("the stream has no name")
    query = {**application.query, **_parameters(name_query)}
    path = "/".join(part for part in (application.path, stem) if part)
    user = application.user or query.get("user", "")
    password = application.password or query.get("pass", "")
    return Address(path, query, user, password, application.via, application.is_proved)


def _clean(path: str) -> str:
    return unquote(path).strip("/")


def _parameters(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS))
    except ValueError:
        raise RefusedError(f"the query has more parameters than the {MAX_PARAMETERS} allowed") from None


def _check_length(text: str) -> None:
    if len(text) > MAX_ADDRESS_LENGTH:
        raise RefusedError(f"the address has {len(text)} characters, at most {MAX_ADDRESS_LENGTH} are allowed")
