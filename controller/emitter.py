"""An event emitter whose listeners cannot harm whoever emits."""

from __future__ import annotations

import logging
from typing import Any

from pyee.asyncio import AsyncIOEventEmitter

_logger = logging.getLogger(__name__)


class Emitter(AsyncIOEventEmitter):
    """A pyee emitter that logs what a listener raises.

    Listeners may be plain functions or coroutine functions. What one of them raises goes to the listeners of
    ``"error"`` if there are any, else to the log: it never reaches the code that emitted, and the others still run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reporting = False

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """Calls the event's listeners with the arguments.

        Returns:
            Whether there was any listener.
        """
        if event != "error":
            return super().emit(event, *args, **kwargs)
        # pyee turns a listener's exception into the event "error", and raises when nobody listens to that, or when the
        # listener of "error" fails itself (which would recurse).
        if self._reporting or not self.listeners("error"):
            _logger.error("a listener of %s failed", type(self).__name__, exc_info=args[0] if args else None)
            return False
        self._reporting = True
        try:
            return super().emit(event, *args, **kwargs)
        finally:
            self._reporting = False
