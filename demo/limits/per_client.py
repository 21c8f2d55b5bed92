"""How much one client may ask for. Whoever asks for more gets errors; nobody else notices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from miso.protoo import RequestError

MAX_NAME_LENGTH = 256
"""Of a room's or a peer's id, and of what a peer calls itself; characters."""
MAX_REQUEST_BYTES = 100_000
"""Of one request's data; a browser's capabilities have some 15,000."""
MAX_TOLD_BYTES = 10_000
"""Of data that goes on to everybody in the room: what a peer runs on, how it sends, what it hangs on its producers."""
MAX_TOLD_BYTES_OF_PEER = 200_000
"""Of all such data of one peer that counts at a time: what who joins is told of it at most."""
MAX_TOLD_TEXT_LENGTH = 1_000
"""Of any one text in RTP parameters; characters."""
MAX_SHORT_TEXT_LENGTH = 255
"""Of mid, rid, cname and scalabilityMode; characters. In packets they have a length of one byte."""
MAX_CODECS = 16
"""In the RTP parameters of a producer, and so many ..."""
MAX_HEADER_EXTENSIONS = 32
"""... header extensions, and ..."""
MAX_ENCODINGS = 8
"""... encodings. Browsers send 2, about 10, and 3."""
MAX_TOLD_NUMBER = 2**53
"""Beyond it a number is not what it was when it arrives in a browser."""
MAX_OBJECTS = 64
"""Transports of a peer, and its producers, and its data producers."""
NEWS_PER_S = 5.0
"""Names, pauses and the like of a peer that everybody is told of in the long run ..."""
NEWS_BURST = 60
"""... and in one go, after a silence."""
WORDS_TO_BOT_PER_S = 5.0
"""Messages of a peer that the bot answers in the long run (each answer goes to everybody) ..."""
WORDS_TO_BOT_BURST = 60
"""... and in one go, after a silence."""
MAX_IGNORED_WORDS = 1_000
"""Of so many more the bot takes notice on one data channel, then it listens to that no longer."""
PRODUCES_PER_S = 2.0
"""Producers and data producers that a peer makes in the long run (each is offered to everybody) ..."""
PRODUCES_BURST = 2 * MAX_OBJECTS
"""... and in one go, after a silence."""
MAX_AT_ONCE = 200
"""Requests of a peer that wait for their answers."""
REQUESTS_PER_S = 100.0
"""Requests of a peer in the long run ..."""
REQUESTS_BURST = 500
"""... and in one go, after a silence."""

LOG_LINES_PER_S = 1.0
"""Lines of the log on requests of one peer that failed, in the long run (all of them are counted) ..."""
LOG_LINES_BURST = 20
"""... and in one go, after a silence."""

TOO_MANY = 429
TOO_LARGE = 413
"""Error codes, as of HTTP."""


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


class Allowance:
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
