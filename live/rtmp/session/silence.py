"""How long the other end has said nothing: when it is asked whether it is there, and when it is taken for dead."""

from __future__ import annotations

from enum import Enum
from typing import Final

LATE_S: Final = 1.0
"""A timer that rings so much too late says that we stood still: timers ring before what has come meanwhile is read."""


class Verdict(Enum):
    """What a silence means.

    WAIT: Nothing yet.
    ASK: The other end is to be asked whether it is there.
    GONE: It is not.
    """

    WAIT = "wait"
    ASK = "ask"
    GONE = "gone"


class Silence:
    """The other end's silence. Nobody is taken for dead who was not asked, and had its time to answer.

    After ``silent_s`` seconds it is asked, after ``gone_s`` it is dead; what is between them is the time to answer.

    Args:
        now_s: The time, in seconds; it is heard now.
    """

    def __init__(self, now_s: float) -> None:
        self._heard_s = now_s
        self._asked_s: float | None = None  # when it was asked first since then, or last after we stood still

    def heard(self, now_s: float) -> None:
        """Something has come."""
        self._heard_s, self._asked_s = now_s, None

    def asked(self, now_s: float) -> None:
        """It has been asked; who is asked again has no more time for it."""
        if self._asked_s is None:
            self._asked_s = now_s

    def due_s(self, silent_s: float, gone_s: float) -> float:
        """When :meth:`look` is to be called."""
        if self._asked_s is None:
            return self._heard_s + silent_s
        return max(self._heard_s + gone_s, self._asked_s + gone_s - silent_s)

    def look(self, silent_s: float, gone_s: float, now_s: float) -> Verdict:
        """What it means by now. Who is to be asked counts as asked."""
        late_s = now_s - self.due_s(silent_s, gone_s)
        if late_s < 0:
            return Verdict.WAIT
        if self._asked_s is not None and late_s <= LATE_S:
            return Verdict.GONE
        self._asked_s = now_s
        return Verdict.ASK
