"""Whether Redis is there, and what operators are told when it goes and comes."""

from __future__ import annotations

import logging
from typing import Final

from miso.cluster.directory.redis.url import StoreUrl

logger = logging.getLogger(__name__)

REMIND_S: Final = 60.0
"""How often it is said again that Redis is away."""


class Presence:
    """Redis, as this node meets it.

    Attributes:
        is_away: It does not do what it is asked.
    """

    def __init__(self, url: StoreUrl) -> None:
        """It was not tried yet, and is taken to be there.

        Args:
            url: Where it is.
        """
        self.is_away = False
        self._url = url
        self._since_s = 0.0
        self._said_s = 0.0
        self._trouble = ""

    def update(self, now_s: float, trouble: str) -> bool:
        """It was tried.

        Args:
            now_s: The time.
            trouble: What is wrong; "": nothing.

        Returns:
            Whether it went or came back.
        """
        if not trouble:
            if not self.is_away:
                return False
            self.is_away = False
            logger.warning("Redis at %s is back after %.1f s", self._url, now_s - self._since_s)
            return True
        if not self.is_away:
            self._since_s = now_s
        if not self.is_away or trouble != self._trouble or now_s - self._said_s >= REMIND_S:
            self._said_s, self._trouble = now_s, trouble
            logger.warning("Redis at %s is away since %.0f s: %s", self._url, now_s - self._since_s, trouble)
        went, self.is_away = not self.is_away, True
        return went
