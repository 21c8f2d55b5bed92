"""Types of ``rounds.pyx``: what each transport has to do about once a second, in one pass for all."""

from miso.worker.dataplane.events import Event
from miso.worker.dataplane.plane import Plane
from miso.worker.ticked import Ticked

class Turn:
    """Something that comes again and again."""

    @property
    def due_us(self) -> int:
        """When it comes next, monotonic; -1 while it is not set."""

class Rounds(Ticked):
    """All turns of one worker, the next one first; with a tick those are taken that are due."""

    def __init__(self, plane: Plane, most: int) -> None:
        """A pass takes at most so many turns: media waits for it."""
    @property
    def next_us(self) -> int:
        """When the next turn is due, -1 when there is none."""
    def set(self, turn: Turn, due_us: int) -> None:
        """The turn comes at this time, whatever was set before."""
    def stop(self, turn: Turn) -> None:
        """It does not come. Idempotent."""
    def run(self, now_us: int, ntp: int) -> list[Event]:
        """Takes the turns that are due, some of them when they are many; gives the events that came of it.

        ``ntp`` is the wall clock's time (RFC 3550 section 4).
        """
