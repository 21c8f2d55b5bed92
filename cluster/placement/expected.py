"""Load that was given away and does not show in reports yet: without it all who come between two reports go one way."""

from __future__ import annotations

from collections.abc import Hashable


class ExpectedLoad:
    """The expected costs of those who were placed lately."""

    def __init__(self, settle_s: float) -> None:
        """Makes it empty.

        Args:
            settle_s: How old a placing has to be, in seconds, for a report to contain it.
        """
        self._settle_s = settle_s
        self._placed: dict[Hashable, tuple[float, float]] = {}
        """When each was placed, and its cost; the oldest first, since time does not go back."""
        self._total = 0.0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._placed)

    @property
    def total(self) -> float:
        """All their costs together, a share of a worker."""
        return self._total

    def add(self, who: Hashable, cost: float, now_s: float) -> None:
        """Somebody was placed; who was placed before counts once, from now on."""
        self.remove(who)
        self._placed[who] = now_s, cost
        self._total += cost

    def remove(self, who: Hashable) -> None:
        """Somebody left."""
        if (placed := self._placed.pop(who, None)) is not None:
            self._total = self._total - placed[1] if self._placed else 0.0

    def reported(self, now_s: float) -> None:
        """A report came: those who are old enough are in it."""
        for who, (placed_s, _) in list(self._placed.items()):
            if now_s - placed_s < self._settle_s:
                break
            self.remove(who)
