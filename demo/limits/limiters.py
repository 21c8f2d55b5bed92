"""What keeps a limit, whosever it is: so many at once, so many per second, so many of each kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from miso.demo.limits.per_client import TOO_MANY
from miso.protoo import RequestError


class Places:
    """So many of something at once."""

    def __init__(self, most: float) -> None:
        self._left = most

    def take(self, count: int = 1) -> bool:
        """Whether there is room for so many more; they are counted then."""
        if self._left < count:
            return False
        self._left -= count
        return True

    def give_back(self, count: int = 1) -> None:
        """So many are gone."""
        self._left += count


class TokenBucket:
    """Lets so many through per second, and saves up some for a burst. Time is an argument, in seconds."""

    def __init__(self, per_s: float, burst: int, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = float(burst)
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """Whether one more may pass now."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Making:
    """Bounds how many things of a kind somebody has; what is being made at the moment counts as if it was there.

    Args:
        most: How many there may be of each kind.
        refused: Told of each refusal, with the kind.
    """

    def __init__(self, most: int, refused: Callable[[str], None]) -> None:
        self._most = most
        self._refused = refused
        self._under_way: dict[str, int] = {}

    @contextlib.contextmanager
    def one_more(self, things: Mapping[str, object], what: str) -> Iterator[None]:
        """While one more is made, and until it stands among the things.

        Raises:
            RequestError: There are too many already.
        """
        under_way = self._under_way.get(what, 0)
        if len(things) + under_way >= self._most:
            self._refused(what)
            raise RequestError(TOO_MANY, f"too many {what}: {self._most} are allowed")
        self._under_way[what] = under_way + 1
        try:
            yield
        finally:
            self._under_way[what] -= 1
