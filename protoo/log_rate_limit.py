"""Limits log lines that strangers can provoke to one a second, which says how often it happened."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar


class LogRateLimit:
    """Counts what happens and logs it: the first time at once, those of the next second together.

    Attributes:
        total: How often it happened since the process began.
    """

    INTERVAL_S: ClassVar[float] = 1.0

    def __init__(self, logger: logging.Logger, what: str, level: int = logging.WARNING) -> None:
        """Makes a limit for one kind of line.

        Args:
            logger: Where it is said.
            what: What happens, such as "connection refused".
            level: Of the log lines.
        """
        self.total = 0
        self._logger = logger
        self._what = what
        self._level = level
        self._since = 0
        self._last = ""
        self._loop: asyncio.AbstractEventLoop | None = None  # one that has ended took its timers with it
        self._timer: asyncio.TimerHandle | None = None

    def count(self, detail: str) -> None:
        """It happened again; within an event loop."""
        self.total += 1
        if self._timer is not None and self._loop is asyncio.get_running_loop():
            self._since += 1
            self._last = detail
            return
        self._logger.log(self._level, "%s: %s", self._what, detail)
        self._wait()

    def _wait(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.INTERVAL_S, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._since:
            since, self._since = self._since, 0
            self._logger.log(
                self._level, "%s: %d times more within a second, the last one %s", self._what, since, self._last
            )
            self._wait()
