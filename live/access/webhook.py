"""Asks a program of the operator's who may publish and play."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from miso.live.access.asking import Asking
from miso.live.access.settings import AccessSettings, NoAnswer
from miso.live.errors import DeniedError, LimitError, ParseError, RefusedError
from miso.live.sessions.places import UNLIMITED, Places
from miso.live.streams.registry import check_path
from miso.live.webhooks.poster import Answer, NoAnswerError, Poster
from miso.live.webhooks.signature import read_secret

MAX_REASON_LENGTH: Final = 200
"""Characters of a reason that are passed on."""
_UNAUTHORIZED: Final = 401
_DENIALS: Final = (_UNAUTHORIZED, 403)


class _Body(msgspec.Struct):
    """The answer's body, where there is one."""

    allow: bool
    path: str | None = None
    reason: str = ""


class Verdict(NamedTuple):
    """What an answer says.

    Attributes:
        allow: Whether somebody may do what it wants to.
        path: With which stream; None: with the one that it has named.
        reason: Why not; empty: it does not say.
        unauthorized: Whether it should show who it is, and ask again.
    """

    allow: bool
    path: str | None = None
    reason: str = ""
    unauthorized: bool = False


def read_verdict(answer: Answer) -> Verdict:
    """Reads an answer.

    Status 200 to 299 without a body allows; with one, it is a JSON object: ``allow`` is true or false, ``path`` another
    stream, ``reason`` why not. 401 and 403 deny, and may have such a body for the reason.

    Raises:
        ParseError: It is neither.
    """
    denies = answer.status in _DENIALS
    if not denies and not 200 <= answer.status < 300:
        raise ParseError(f"the status is {answer.status}, expected 200 to 299, 401 or 403")
    try:
        body = msgspec.json.decode(answer.body, type=_Body) if answer.body.strip() else _Body(allow=not denies)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if denies:  # whatever else it says
            return Verdict(False, unauthorized=answer.status == _UNAUTHORIZED)
        raise ParseError(f"the body is not as expected: {error}") from error
    if denies or not body.allow:
        reason = "".join(char for char in body.reason if char.isprintable())[:MAX_REASON_LENGTH]
        return Verdict(False, reason=reason, unauthorized=answer.status == _UNAUTHORIZED)
    if body.path is not None:
        try:
            check_path(body.path)
        except RefusedError as error:
            raise ParseError(str(error)) from error
    return Verdict(True, body.path)


class Webhook:
    """The program at one address.

    Attributes:
        unanswered: How often it gave no answer, none that could be read, or was not asked since too many waited.
        crowded: How many were sent away because too many of their address wait.

    Args:
        settings: Which, and how it is asked; its address is there.
        unix_s: Unix time.
    """

    def __init__(self, settings: AccessSettings, unix_s: Callable[[], float]) -> None:
        assert settings.webhook is not None
        key = None if settings.webhook_secret is None else read_secret(settings.webhook_secret.get_secret_value())
        self.unanswered = 0
        self.crowded = 0
        self._no_answer = settings.webhook_no_answer
        self._places = Places("who wait for the webhook", UNLIMITED, settings.webhook_max_waiting_per_address)
        self._poster = Poster(
            str(settings.webhook),
            key,
            settings.webhook_timeout,
            settings.webhook_at_once,
            unix_s,
            most_waiting=settings.webhook_max_waiting,
        )

    async def ask(self, asking: Asking) -> str:
        """Asks whether somebody may do what it wants to.

        Returns:
            The path of the stream that it gets.

        Raises:
            DeniedError: It may not.
        """
        try:
            give_back = self._places.take(asking.address)
        except LimitError as error:
            self.crowded += 1
            raise DeniedError(str(error), unauthorized=False) from error
        try:
            return await self._ask(asking)
        finally:
            give_back()

    async def close(self) -> None:
        """Lets go of its connections."""
        await self._poster.close()

    async def _ask(self, asking: Asking) -> str:
        app, _, name = asking.path.rpartition("/")
        question = {
            "action": asking.action.value,
            "path": asking.path,
            "app": app,
            "name": name,
            "protocol": asking.protocol,
            "ip": asking.address,
            "query": dict(asking.query),
            "user": asking.user,
            "password": asking.password,
            "authenticated": asking.is_proved,
        }
        try:
            verdict = read_verdict(await self._poster.post(question))
        except (NoAnswerError, ParseError) as error:
            self.unanswered += 1
            if self._no_answer is NoAnswer.ALLOW:
                return asking.path
            # what is wrong with the program is for the log alone
            raise DeniedError("it cannot be found out whether this is allowed", unauthorized=False) from error
        if not verdict.allow:
            reason = verdict.reason or f"it is not allowed to {asking.action.value} this stream"
            raise DeniedError(reason, unauthorized=verdict.unauthorized)
        return verdict.path if verdict.path is not None else asking.path
