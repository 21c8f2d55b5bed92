"""Which of mediasoup-demo's two protocols a client speaks, and how that is found out.

Both begin alike. The page of 2026 names ``usePipeTransports`` in its address, the classic one ``consumerReplicas`` but
not that. Of a client that names neither, the first request tells that only one of them has. One that asks nothing for a
while is told the version as a classic one expects it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum
from typing import ClassVar


class Dialect(Enum):
    """mediasoup-demo's protocol until 2025, or since 2026. The value is how the server's version is announced in it."""

    CLASSIC = "mediasoup-version"
    OF_2026 = "mediasoupVersion"


class DialectGuess:
    """What is known of a client's dialect.

    Args:
        query: The fields of the client's address.
        tell_version: Called with the dialect as soon as it is known; once more if it was the other one after all.
    """

    PATIENCE_S: ClassVar[float] = 2.0
    """So long a client may be silent about it before it counts as a classic one."""

    def __init__(self, query: Mapping[str, str], tell_version: Callable[[Dialect], None]) -> None:
        self._tell_version = tell_version
        self._known: Dialect | None = None
        self._timer: asyncio.TimerHandle | None = None
        if "usePipeTransports" in query:
            self.learn(Dialect.OF_2026)
        elif "consumerReplicas" in query:
            self.learn(Dialect.CLASSIC)
        else:
            self._timer = asyncio.get_running_loop().call_later(self.PATIENCE_S, self.learn, Dialect.CLASSIC)

    @property
    def is_2026(self) -> bool:
        """Whether the client has shown that it speaks the dialect of 2026."""
        return self._known is Dialect.OF_2026

    def learn(self, dialect: Dialect) -> None:
        """The client did what only that dialect has. What speaks for 2026 outweighs what does not."""
        if self._known in (dialect, Dialect.OF_2026):
            return
        self.close()
        self._known = dialect
        self._tell_version(dialect)

    def close(self) -> None:
        """Stops waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
