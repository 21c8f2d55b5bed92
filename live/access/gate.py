"""Decides who may publish and play, for every protocol."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from miso.live.access.asking import Asking
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, check_token, make_token
from miso.live.access.users import Users
from miso.live.access.webhook import Webhook
from miso.live.access.wrong_passwords import TOO_MANY_WRONG, WrongPasswords
from miso.live.errors import DeniedError, LiveError, RefusedError
from miso.live.streams.registry import check_path
from miso.protoo.log_rate_limit import LogRateLimit

__all__ = ["Action", "Asking", "Gate"]

logger = logging.getLogger(__name__)


class Gate:
    """Lets pass who has a valid token (:mod:`miso.live.access.tokens`) as ``?token=`` or password, where one is needed.

    So it does with users, where there are some; where there are both, either will do. Where a webhook is set, it is
    asked about those who pass, and has the last word.

    Attributes:
        denied: How many were sent away, by what they wanted.
        users: Who they are.
        webhook: What is asked; None: nothing is.
        wrong_passwords: How many have come from where.

    Args:
        settings: The secrets and users.
        unix_s: Unix time.
    """

    def __init__(self, settings: AccessSettings, unix_s: Callable[[], float]) -> None:
        self.denied: Counter[Action] = Counter()
        secrets = {Action.PUBLISH: settings.publish_secret, Action.PLAY: settings.play_secret}
        self._secrets = {
            action: secret.get_secret_value().encode() for action, secret in secrets.items() if secret is not None
        }
        self.users = Users(settings.users, players_too=settings.players_are_users)
        self.webhook = Webhook(settings, unix_s) if settings.webhook is not None else None
        self.wrong_passwords = WrongPasswords(settings.max_wrong_passwords_per_minute, unix_s)
        self._unix_s = unix_s
        self._denials = LogRateLimit(logger, "somebody was not let in")

    async def admit(self, asking: Asking) -> str:
        """Lets somebody in, or not.

        Args:
            asking: What it wants.

        Returns:
            The path of the stream that it gets.

        Raises:
            DeniedError: It may not. That is counted and logged here; the text may be sent to it.
            RefusedError: No stream may be called so. Who asks may have made the name up for logs, and no program is
                asked about it.
        """
        check_path(asking.path)
        shows_password = not asking.is_proved and bool(len(self.users)) and bool(asking.user or asking.password)
        is_looked_at = shows_password and not self.wrong_passwords.refuse(asking.address)
        try:
            if is_looked_at and self.users.know(asking.user, asking.password):
                asking = replace(asking, is_proved=True)
            self._check(asking, is_ignored=shows_password and not is_looked_at)
            path = asking.path if self.webhook is None else await self.webhook.ask(asking)
        except DeniedError as error:
            self.denied[asking.action] += 1
            if is_looked_at and not asking.is_proved:
                self.wrong_passwords.add(asking.address)
            cause = error.__cause__  # what is for the log alone
            more = f" ({cause})" if isinstance(cause, LiveError) and str(cause) != str(error) else ""
            self._denials.count(
                f"{asking.protocol} {asking.action.value} stream={asking.path} address={asking.address}: {error}{more}"
            )
            raise
        check_path(path)
        return path

    @property
    def needs_token(self) -> dict[Action, bool]:
        """What needs a token."""
        return {action: action in self._secrets for action in Action}

    def token(self, action: Action, path: str, expiry_s: int) -> str | None:
        """A token, for who is given an address; None: none is needed.

        Args:
            action: What it allows.
            path: Of which stream.
            expiry_s: The last second in which it holds, as Unix time.
        """
        secret = self._secrets.get(action)
        return None if secret is None else make_token(secret, action, path, expiry_s)

    async def close(self) -> None:
        """Lets go of what it has open."""
        if self.webhook is not None:
            await self.webhook.close()

    def _check(self, asking: Asking, *, is_ignored: bool) -> None:
        secret = self._secrets.get(asking.action)
        needs_user = self.users.are_needed(asking.action)
        if needs_user and asking.is_proved:
            return
        token = asking.query.get("token", "") or asking.password
        if secret is not None:
            try:
                check_token(secret, asking.action, asking.path, token, self._unix_s())
            except RefusedError as error:
                raise DeniedError(str(error), unauthorized=not token) from error
        elif is_ignored and needs_user:
            raise DeniedError(TOO_MANY_WRONG, unauthorized=False)
        elif needs_user:
            has_shown = bool(asking.user or asking.password)
            why = "user or password is wrong" if has_shown else "a user and its password are needed"
            raise DeniedError(f"{why} to {asking.action.value} this stream", unauthorized=not has_shown)
