"""What the garbage collector looks at: what has come lately, once, and hardly ever all that there is.

A full collection stops media for as long as it takes to look at every object: a tenth of a second with some thousand
consumers. Python makes one whenever a quarter more has come. Nearly all that it would find is alive, so what has
survived one look is *frozen*, that is taken out of its sight, and only looked at again when as much has come to stay
since as was alive the last time, or when nobody is there who would have to wait. What closes needs no look: it holds
itself by no cycle.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Final

OBJECTS_OF_LOOK: Final = 2_000
"""So many more objects there are before they are looked at, which takes up to 1.3 ms on a slow machine."""
_NEVER = 1_000_000_000  # Python's own looks at what has survived one
LEAST_FREEZINGS: Final = 200
"""So often what has survived is frozen at least before everything is looked at."""


class Garbage:
    """Collects the garbage of this process."""

    def __init__(self, do_soon: Callable[[Callable[[], None]], None]) -> None:
        """Python's own rules hold until ``freeze_what_stays``; ``do_soon`` calls back when there is time for it."""
        self._do_soon = do_soon
        self._freezings = 0  # since all was looked at, as far as what was frozen has stayed
        self._freezings_allowed = LEAST_FREEZINGS
        self._stayed = 0  # objects that were alive then

    def freeze_what_stays(self) -> None:
        """Takes what is there now, all modules among it, out of sight. To be called once."""
        gc.collect()
        gc.freeze()
        self._stayed = gc.get_freeze_count()
        gc.set_threshold(OBJECTS_OF_LOOK, _NEVER, _NEVER)
        gc.callbacks.append(self._on_look)

    def collect_unwatched(self) -> None:
        """Nobody has to wait at the moment: finds all that there is."""
        if self._freezings:
            self._look_at_all()
        else:
            gc.collect()

    def _on_look(self, phase: str, about: Mapping[str, int]) -> None:
        if phase == "stop" and about["generation"] == 0:
            self._do_soon(self._freeze)

    def _freeze(self) -> None:
        """Not at once: what is only there for the work in hand is gone when the next begins."""
        self._freezings += 1
        if self._freezings < self._freezings_allowed:
            gc.freeze()
            return
        # Who leaves and comes again is frozen each time. To count takes long, but not as long as to look at all.
        grown = gc.get_freeze_count() - self._stayed + OBJECTS_OF_LOOK
        if grown >= self._freezings_allowed * OBJECTS_OF_LOOK:
            self._look_at_all()
        else:
            gc.freeze()
            self._freezings = max(min(grown // OBJECTS_OF_LOOK, self._freezings_allowed * 3 // 4), 0)  # not soon again

    def _look_at_all(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._freezings = 0
        self._stayed = gc.get_freeze_count()
        self._freezings_allowed = max(LEAST_FREEZINGS, self._stayed // OBJECTS_OF_LOOK)
