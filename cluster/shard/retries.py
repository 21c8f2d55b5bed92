"""How often a shard does something: a step that failed again later each time, a long look at the room seldom."""

from __future__ import annotations

from collections.abc import Collection, Hashable

_FACTOR = 2
_REST = 4
_LONGEST_REST_S = 0.25


def rest_s(look_s: float) -> float:
    """How long after a look at the room that has taken so long there is the next one at the earliest, in seconds.

    A room of hundreds in which something always changes costs a fifth of the time then, and a small one does not wait.
    """
    return min(_REST * look_s, _LONGEST_REST_S)


class Retries:
    """What has failed and has to wait. Steps are named by keys; time is in seconds of any monotonic clock."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        """Nothing has failed.

        Args:
            first_s: How long a step waits after it has failed once.
            longest_s: How long at most.
        """
        self._first_s = first_s
        self._longest_s = longest_s
        self._waiting: dict[Hashable, tuple[float, float]] = {}
        """Key → how long it waits in all, and until when."""

    @property
    def next_s(self) -> float | None:
        """When the first of them is due; None: none waits."""
        return min((due_s for _, due_s in self._waiting.values()), default=None)

    def due(self, keys: Collection[Hashable], now_s: float) -> set[Hashable]:
        """Which of the present steps may be done now; of steps that are no longer there the failures are forgotten."""
        self._waiting = {key: self._waiting[key] for key in keys if key in self._waiting}
        return {key for key in keys if self._due_s(key) <= now_s}

    def failed(self, key: Hashable, now_s: float) -> None:
        """The step has failed, once more if it did before."""
        wait_s, _ = self._waiting.get(key, (0.0, 0.0))
        wait_s = min(wait_s * _FACTOR or self._first_s, self._longest_s)
        self._waiting[key] = wait_s, now_s + wait_s

    def done(self, key: Hashable) -> None:
        """The step has been done."""
        self._waiting.pop(key, None)

    def _due_s(self, key: Hashable) -> float:
        return self._waiting[key][1] if key in self._waiting else float("-inf")
