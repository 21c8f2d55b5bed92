"""Keeps a bug from ending the process: only the unit of work that met it ends, is logged once, and is counted.

A unit of work begins at an edge: a wake-up of a socket, an event of the plane, a timer, a command, one member of an
RTCP packet. Whoever stands at such an edge calls ``attempt``. Want of memory is the process's own failure and passes.
What is no ``Exception`` is caught too: a panic in a Rust library (cryptography) comes as a ``BaseException``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import TypeVar, TypeVarTuple

logger = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

FATAL = (MemoryError, SystemExit, KeyboardInterrupt)
"""What is about the process, and not about one unit of work."""

REPEAT_EVERY_S = 60.0
"""How long a fault of the same place and kind is only counted once it was logged with its traceback."""
AFTER_FAULT_US = 1_000_000
"""How long a timer waits whose work has met a fault, so that one that always does costs little."""
MAX_PLACES = 256
"""So many places are remembered; then all of them may be logged anew."""


class FaultBook:
    """The faults of this process.

    Attributes:
        count: How many there were.
        on_fault: Called after each of them; None: nobody asks.
    """

    def __init__(self) -> None:
        self.count = 0
        self.on_fault: Callable[[], None] | None = None
        self._logged_s: dict[tuple[type[BaseException], str], float] = {}

    def record(self, error: BaseException, about: str) -> None:
        """Counts a fault, and logs it with its traceback unless its place was logged within the last minute.

        Args:
            error: What was raised and nobody expected.
            about: What it was raised about: class and id of an object.
        """
        self.count += 1
        place = (type(error), _place_of(error))
        now_s = time.monotonic()
        if now_s - self._logged_s.get(place, -REPEAT_EVERY_S) >= REPEAT_EVERY_S:
            if len(self._logged_s) >= MAX_PLACES:
                self._logged_s.clear()
            self._logged_s[place] = now_s
            logger.error("fault number %d, about %.200s: %s", self.count, about, brief(error), exc_info=error)
        if self.on_fault is not None:
            self.on_fault()


faults = FaultBook()
"""Of this process, like the loggers."""


def attempt(about: object, work: Callable[[*Arguments], object], *arguments: *Arguments) -> bool:
    """Does one unit of work; an exception that nobody expected costs this unit and no more.

    Args:
        about: The object whose work it is, for the log; a bound method stands for its object.
        work: Called with the arguments; what it gives back is not looked at.
        arguments: For ``work``.

    Returns:
        Whether it came to its end.

    Raises:
        MemoryError: There is none left.
    """
    try:
        work(*arguments)
    except FATAL:
        raise
    except BaseException as error:  # noqa: BLE001  the one place for what nobody expected
        faults.record(error, describe(about))
        return False
    return True


def attempt_for(
    otherwise: Result, about: object, work: Callable[[*Arguments], Result], *arguments: *Arguments
) -> Result:
    """As ``attempt``, but gives back what ``work`` did, or ``otherwise`` when it met a fault."""
    try:
        return work(*arguments)
    except FATAL:
        raise
    except BaseException as error:  # noqa: BLE001  as above
        faults.record(error, describe(about))
        return otherwise


def attempt_step(about: object, steps: Iterator[None]) -> bool:
    """Goes one step on; gives whether it was the last one, which one that meets a fault is, too."""
    return attempt_for(True, about, next, steps, True) is True  # type: ignore[arg-type]


def brief(error: BaseException) -> str:
    """Type and text of an exception, short enough to leave room for its traceback; also of one that cannot say it."""
    try:
        return f"{error!r:.500}"
    except Exception:  # noqa: BLE001  a broken exception must be nameable
        return f"{type(error).__name__} without a text"


def describe(about: object) -> str:
    """Class and id of an object, of the object of a bound method, or the name of a function."""
    about = getattr(about, "__self__", about)
    name = getattr(about, "__qualname__", type(about).__qualname__)
    try:
        identity = getattr(about, "id", None)
        return f"{name} {identity}" if identity is not None else name
    except Exception as error:  # noqa: BLE001  a broken object must be nameable
        return f"{name} {brief(error)}"


def _place_of(error: BaseException) -> str:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at is not None else ""
