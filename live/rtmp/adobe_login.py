"""How clients log in when they connect: by a challenge, so that the password itself is not sent (``authmod=adobe``).

Nobody has written it down; these are the words of Adobe's encoder, as ffmpeg, librtmp (OBS) and GStreamer have them. A
server that wants to know who connects rejects ``connect``, and its description says what the client is to add to the
application's name when it connects again:

1. ``code=403 need auth; authmod=adobe``: ``?authmod=adobe&user=USER``.
2. ``?reason=needauth&user=USER&salt=SALT&challenge=C&opaque=OPAQUE``: beside that,
   ``&challenge=CHALLENGE&response=RESPONSE&opaque=OPAQUE``, with a challenge of the client's own.
3. ``?reason=authfailed``: nothing, it is over.

The response is ``b64(md5(b64(md5(USER SALT PASSWORD)) OPAQUE CHALLENGE))``. MD5 is what they know; who hears it can try
passwords at home, so that only TLS keeps a bad one secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from miso.live.errors import RefusedError

MAX_USER_LENGTH: Final = 49
"""Characters of a user's name; ffmpeg keeps no more."""
USER: Final = re.compile(rf"[A-Za-z0-9._~@-]{{1,{MAX_USER_LENGTH}}}", re.ASCII)
"""What a user may be called: clients put the name into a query as it is."""
VALID_S: Final = 30
"""So long a challenge may be answered."""
MAX_USED: Final = 10_000
"""Answered challenges that are remembered, so that an answer holds once; each until it would not hold anyway."""

_LOGIN: Final = re.compile(r"[?&]authmod=")
_NEED_AUTH: Final = "code=403 need auth; authmod=adobe"
_CHALLENGE: Final = "?reason=needauth&"
_REJECT: Final = "[ AccessManager.Reject ] : [ "
_NEED_TEXT: Final = f"{_REJECT}{_NEED_AUTH} ] : "
_FAILED_TEXT: Final = f"{_REJECT}authmod=adobe ] : ?reason=authfailed"
_NONCE_BYTES, _TIME_BYTES, _MAC_BYTES = 8, 4, 16
_TIME_MODULUS: Final = 1 << (8 * _TIME_BYTES)
_SALT_LENGTH: Final = 12
_MAX_PARAMETERS: Final = 16


class LoginFailedError(RefusedError):
    """Somebody is not who it says it is; the text is what clients know.

    Attributes:
        user: Who it says it is.
    """

    def __init__(self, user: str) -> None:
        super().__init__(_FAILED_TEXT)
        self.user = user


@dataclass(frozen=True, slots=True)
class Login:
    """What a client says of itself behind the application's name.

    Attributes:
        user: Its name.
        challenge: Its own; empty: it asks for ours.
        response: The proof; empty as the challenge.
        opaque: What it was given, again.
    """

    user: str
    challenge: str = ""
    response: str = ""
    opaque: str = ""


def split_login(address: str) -> tuple[str, Login | None]:
    """Takes what a client says of itself off an application's name or a URL.

    Returns:
        The rest, and what it says; None: nothing.
    """
    found = _LOGIN.search(address)
    if found is None:
        return address, None
    values = _parameters(address[found.start() + 1 :])
    login = Login(*(values.get(name, "") for name in ("user", "challenge", "response", "opaque")))
    return address[: found.start()], login if values["authmod"] == "adobe" else None


class Logins:
    """Challenges of a server, and whether they are answered rightly.

    It keeps nothing of challenges that are not answered: what it must know again is in the opaque, signed.

    Args:
        password: Of a user; None: there is no such user.
        random: Gives so many bytes that nobody can guess.
    """

    def __init__(self, password: Callable[[str], str | None], random: Callable[[int], bytes]) -> None:
        self._password = password
        self._random = random
        self._key = random(32)
        self._nobodys_password = random(16).hex()
        self._used: dict[str, float] = {}  # opaques, with the time from which they are worth nothing

    def check(self, login: Login | None, now_s: float) -> str:
        """Lets a client in, or tells it what to do.

        That a user is not known takes as long, and is answered in the same words, as that a password is wrong.

        Args:
            login: What the client says.
            now_s: The time.

        Returns:
            The user that it has proved to be.

        Raises:
            LoginFailedError: It has not.
            RefusedError: It is to try again; the text tells it how.
        """
        if login is None:
            raise RefusedError(_NEED_TEXT)
        if not login.response:
            raise RefusedError(self._challenge(login.user, now_s))
        password = self._password(login.user)
        salt = self._salt(login.opaque)
        expected = _response(login, salt, self._nobodys_password if password is None else password)
        is_right = hmac.compare_digest(expected.encode(), login.response.encode("utf-8", "replace"))
        is_ours = self._is_ours(login, now_s)
        if not (is_right and is_ours and password is not None and self._use(login.opaque, now_s)):
            raise LoginFailedError(login.user)
        return login.user

    def _challenge(self, user: str, now_s: float) -> str:
        if USER.fullmatch(user) is None:  # it would not come back as it went
            raise LoginFailedError(user)
        nonce = self._random(_NONCE_BYTES)
        until = (int(now_s) + VALID_S) % _TIME_MODULUS
        signed = nonce + until.to_bytes(_TIME_BYTES, "big")
        opaque = _url_safe(signed + self._mac(signed, user))
        challenge = _url_safe(self._random(_NONCE_BYTES))  # for show: who knows an opaque does not use it
        parameters = f"user={user}&salt={self._salt(opaque)}&challenge={challenge}&opaque={opaque}"
        return f"{_REJECT}authmod=adobe ] : {_CHALLENGE}{parameters}"

    def _is_ours(self, login: Login, now_s: float) -> bool:
        """Whether we have given it that opaque, lately."""
        try:
            given = base64.b64decode(login.opaque + "==", altchars=b"-_", validate=True)
        except ValueError:  # binascii.Error is one
            given = b""
        signed, mac = given[:-_MAC_BYTES], given[-_MAC_BYTES:]
        is_signed = hmac.compare_digest(self._mac(signed, login.user), mac)
        left_s = (int.from_bytes(signed[_NONCE_BYTES:], "big") - int(now_s)) % _TIME_MODULUS
        # a second spelling of the same bytes would be a second opaque
        return is_signed and left_s <= VALID_S and _url_safe(given) == login.opaque

    def _use(self, opaque: str, now_s: float) -> bool:
        """Whether it is used for the first time. Only who knows a password comes here, so that nobody else fills it."""
        while self._used and (oldest := next(iter(self._used))) and self._used[oldest] < now_s:
            del self._used[oldest]
        if opaque in self._used or len(self._used) >= MAX_USED:
            return False
        self._used[opaque] = now_s + VALID_S + 1
        return True

    def _mac(self, signed: bytes, user: str) -> bytes:
        whole = signed + user.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, whole, hashlib.sha256).digest()[:_MAC_BYTES]

    def _salt(self, opaque: str) -> str:
        made = hmac.new(self._key, b"salt" + opaque.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return _url_safe(made)[:_SALT_LENGTH]


class ClientLogin:
    """Answers a server that wants to know who connects.

    Attributes:
        suffix: What stands behind the application's name in ``connect``.

    Args:
        user: The name.
        password: What proves it.
        random: Gives so many bytes that nobody can guess.
    """

    def __init__(self, user: str, password: str, random: Callable[[int], bytes]) -> None:
        self.suffix = ""
        self._user = user
        self._password = password
        self._random = random
        self._has_answered = False

    def answer(self, description: str) -> bool:
        """A server has rejected us.

        Args:
            description: Its words.

        Returns:
            Whether connecting again may help, with the new :attr:`suffix`.
        """
        if "authmod=adobe" not in description or self._has_answered:
            return False
        if _NEED_AUTH.partition(";")[0] in description:
            is_first = not self.suffix
            self.suffix = f"?authmod=adobe&user={self._user}"
            return is_first
        _, is_challenge, parameters = description.partition(_CHALLENGE)
        if not is_challenge:
            return False
        asked = _parameters(parameters)
        opaque = asked.get("opaque", "")
        login = Login(self._user, self._random(_TIME_BYTES).hex(), "", opaque or asked.get("challenge", ""))
        response = _response(login, asked.get("salt", ""), self._password)
        again = f"&opaque={opaque}" if opaque else ""
        self.suffix = f"?authmod=adobe&user={self._user}&challenge={login.challenge}&response={response}{again}"
        self._has_answered = True
        return True


def _response(login: Login, salt: str, password: str) -> str:
    return _hashed(_hashed(login.user + salt + password) + login.opaque + login.challenge)


def _hashed(text: str) -> str:
    digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parameters(query: str) -> dict[str, str]:
    """As they stand there: no client quotes the ``+`` and ``=`` of its Base64."""
    pairs = (part.partition("=") for part in query.split("&", _MAX_PARAMETERS)[:_MAX_PARAMETERS])
    return {name: value for name, _, value in pairs}
