"""Who has a name and a password here."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping

from pydantic import SecretStr

from miso.live.access.tokens import Action


class Users:
    """The users of the settings.

    Args:
        passwords: Of each.
        players_too: Who plays must be one, too; who publishes must anyway.
    """

    def __init__(self, passwords: Mapping[str, SecretStr], *, players_too: bool) -> None:
        self.players_too = players_too
        self._passwords = {user: password.get_secret_value() for user, password in passwords.items()}
        self._nobodys_password = secrets.token_hex(16)

    def __len__(self) -> int:
        return len(self._passwords)

    def are_needed(self, action: Action) -> bool:
        """Whether one must be one of them for it."""
        return bool(self._passwords) and (action is Action.PUBLISH or self.players_too)

    def password(self, user: str) -> str | None:
        """A user's, for who must know it to check an answer that does not have it; None: there is no such user."""
        return self._passwords.get(user)

    def know(self, user: str, password: str) -> bool:
        """Whether somebody is one of them, found out in the same time whatever is wrong."""
        expected = self._passwords.get(user)
        shown = password.encode("utf-8", "surrogatepass")
        is_same = hmac.compare_digest((self._nobodys_password if expected is None else expected).encode(), shown)
        return is_same and expected is not None
