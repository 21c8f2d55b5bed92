"""A timer that its owner sets, sets anew and stops."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from miso.worker.faults import describe
from miso.worker.rtc.context import Scheduler, Timer

Owner = TypeVar("Owner")


class Alarm:
    """Has its owner do something once when it is due; may then, or before, be set anew.

    The owner has it, and it does not hold the owner: who is gone does nothing any more.

    Attributes:
        due_us: When it calls back, by the scheduler's clock; None while it is not set.
    """

    __slots__ = ("_owner", "_scheduler", "_timer", "_work", "due_us")

    def __init__(self, scheduler: Scheduler, owner: Owner, work: Callable[[Owner], None]) -> None:
        """Not set yet.

        Args:
            scheduler: Time.
            owner: Who does it.
            work: A method of the owner's class.
        """
        self.due_us: int | None = None
        self._scheduler = scheduler
        self._owner: weakref.ref[Any] = weakref.ref(owner)
        self._work: Callable[[Any], None] = work
        self._timer: Timer | None = None

    @property
    def id(self) -> str:
        """Whose it is, for the log line of a fault that its work meets."""
        return describe(self._owner())

    @property
    def is_set(self) -> bool:
        """Whether it will call back."""
        return self.due_us is not None

    def set(self, delay_us: int) -> None:
        """Calls back in so many microseconds; what it was set to before does not count."""
        if self._timer is not None:
            self._timer.cancel()
        self.due_us = self._scheduler.now_us() + delay_us
        self._timer = self._scheduler.call_later(delay_us, self._ring)

    def stop(self) -> None:
        """Does not call back. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.due_us = None

    def _ring(self) -> None:
        self._timer = self.due_us = None
        owner = self._owner()
        if owner is not None:
            self._work(owner)
