"""How clients log in: what stands behind an application's name, and what a server says to a client of ours."""

from __future__ import annotations

import contextlib

from miso.live.errors import RefusedError
from miso.live.rtmp.adobe_login import ClientLogin, Login, Logins, split_login

_USERS = {"anna": "word"}
_HEAD = "[ AccessManager.Reject ] : [ authmod=adobe ] : "


def _logins() -> Logins:
    return Logins(_USERS.get, lambda size: bytes(range(size)))


def _answered() -> tuple[str, str]:
    """A challenge of ours, and the right answer."""
    client = ClientLogin("anna", "word", bytes)
    try:
        _logins().check(Login("anna"), 0.0)
    except RefusedError as error:
        text = str(error)
    assert client.answer(text)
    return text, client.suffix


_CHALLENGE, _ANSWER = _answered()
SEEDS = [
    f"live{_ANSWER}".encode(),
    f"rtmp://host/live?a=b{_ANSWER}".encode(),
    b"live?authmod=adobe&user=anna",
    _CHALLENGE.encode(),
    f"{_HEAD}?reason=needauth&user=anna&salt=s&challenge=c".encode(),
    b"[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
    f"{_HEAD}?reason=authfailed".encode(),
]


def run(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass" if len(data) % 2 else "replace") if _is_text(data) else repr(data)
    rest, login = split_login(text)
    assert text.startswith(rest)
    with contextlib.suppress(RefusedError):
        user = _logins().check(login, 0.0)
        assert user == "anna"
        assert login is not None
        assert text[len(rest) + 1 :].startswith("authmod=adobe")
    client = ClientLogin("anna", "word", bytes)
    if client.answer(text):
        again, login = split_login(f"live{client.suffix}")
        assert again == "live"
        assert login is not None
        assert login.user == "anna"


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
