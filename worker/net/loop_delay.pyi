"""Types of ``loop_delay.pyx``: how long what is due has to wait for the event loop."""

from collections.abc import Callable
from typing import Any, Final

from miso.worker.ticked import Ticked

INTERVAL_US: Final = 100_000
"""How often it is looked, in microseconds."""
NEVER_US: Final[int]
"""Before all time: ``stood_until_us`` of who never stood still."""
BOUNDS_US: Final[tuple[int, ...]]
"""Between which delays is told apart, in microseconds, rising."""

class LoopDelay:
    """The histogram of one event loop.

    Attributes:
        ticked: What is looked at with each tick, if anything.
        on_events: Called with the events that came of it, and the time in microseconds of ``CLOCK_MONOTONIC``.
    """

    ticked: Ticked | None
    on_events: Callable[[list[Any], int], None] | None

    def __init__(self) -> None:
        """Does not tick yet. Raises ``OSError`` when there are no descriptors left."""
    @property
    def fileno(self) -> int:
        """Readable when a tick is due."""
    @property
    def counts(self) -> list[int]:
        """How many ticks waited no longer than each of ``BOUNDS_US``, and longer than the one before; then the rest."""
    @property
    def sum_us(self) -> int:
        """How long all ticks together have waited, in microseconds."""
    def start(self) -> None:
        """Ticks every ``INTERVAL_US`` from now on."""
    def stop(self) -> None:
        """Does not tick; what was counted stays."""
    def stood_until_us(self) -> int:
        """Until when ticks last had to wait for more than a second, by ``CLOCK_MONOTONIC``; now, while one does.

        Where something else is called first when a stopped worker goes on, that may ask, too.
        """
    def on_tick(self) -> None:
        """Counts the ticks that are due, and has ``ticked`` look: to be called when ``fileno`` is readable."""
    def count(self, first_us: int, ticks: int) -> None:
        """So many ticks were found at once, the first of them so many microseconds late."""
