"""Decides who may publish and play, for every protocol."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, check_token
from miso.live.errors import DeniedError, RefusedError
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """What somebody wants, and what it shows for it.

    Attributes:
        action: What it wants to do.
        path: With which stream.
        protocol: By which protocol: ``rtmp``, ``http-flv`` and so on.
        address: From which IP address.
        query: The parameters of the stream's address; of one that is there twice, the last.
        user: Of the stream's address, empty: none.
        password: As the user.
    """

    action: Action
    path: str
    protocol: str
    address: str
    query: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = ""


class Gate:
    """Lets pass who has a valid token (:mod:`miso.live.access.tokens`) as ``?token=``, where a secret is set.

    Attributes:
        denied: How many were sent away, by what they wanted.

    Args:
        settings: The secrets.
        unix_s: Unix time.
    """

    def __init__(self, settings: AccessSettings, unix_s: Callable[[], float]) -> None:
        self.denied: Counter[Action] = Counter()
        secrets = {Action.PUBLISH: settings.publish_secret, Action.PLAY: settings.play_secret}
        self._secrets = {
            action: secret.get_secret_value().encode() for action, secret in secrets.items() if secret is not None
        }
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
        """
        try:
            self._check_token(asking)
        except DeniedError as error:
            self.denied[asking.action] += 1
            self._denials.count(
                f"{asking.protocol} {asking.action.value} stream={asking.path} address={asking.address}: {error}"
            )
            raise
        return asking.path

    def _check_token(self, asking: Asking) -> None:
        secret = self._secrets.get(asking.action)
        if secret is None:
            return
        token = asking.query.get("token", "")
        try:
            check_token(secret, asking.action, asking.path, token, self._unix_s())
        except RefusedError as error:
            raise DeniedError(str(error), unauthorized=not token) from error
