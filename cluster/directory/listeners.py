"""Functions that are called when something has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Listeners:
    """Those who want to know."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls it from now on, until the function returned is called."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def call(self) -> None:
        """It has changed. What one of them raises is logged, and the next one is called."""
        for callback in list(self._callbacks):
            try:
                callback()
            except Exception:
                logger.exception("a listener has met a fault")
