"""What a playlist lists: segments and their parts, and how many of them are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple


class Part(NamedTuple):
    """A piece of a segment.

    Attributes:
        data: Its bytes, which a player gets as they are.
        duration_s: How long it plays.
        is_independent: Whether it begins with a key frame.
    """

    data: bytes
    duration_s: float
    is_independent: bool


@dataclass(slots=True)
class Segment:
    """A segment.

    Attributes:
        number: Its media sequence number; they grow by 1.
        map_number: Which initialization section it needs.
        is_discontinuous: Whether it does not continue what was before.
        begins_unix_s: When its first frame is shown, as the clock on the wall has it.
        parts: What has come of it so far.
        is_complete: Whether no more parts will come.
    """

    number: int
    map_number: int
    is_discontinuous: bool
    begins_unix_s: float
    parts: list[Part] = field(default_factory=list)
    is_complete: bool = False
    _data: bytes = b""

    @property
    def duration_s(self) -> float:
        return sum(part.duration_s for part in self.parts)

    @property
    def size_bytes(self) -> int:
        return sum(len(part.data) for part in self.parts)

    @property
    def data(self) -> bytes:
        """Of all its parts; all players of a complete segment share it."""
        if self._data:
            return self._data
        data = b"".join(part.data for part in self.parts)
        if self.is_complete:
            self._data = data
        return data


class Window:
    """The latest segments of a stream.

    Attributes:
        discontinuities: How many of those that are gone were discontinuous.
        maps: Initialization sections by number; those that a kept segment needs, and the newest.
        is_over: Whether nothing more will come.

    Args:
        listed: So many complete segments are in playlists.
        spare: So many more are kept, for who has an older playlist.
        max_bytes: Of all parts together, and as much again of whole segments that players asked for. Beyond it older
            segments go earlier, but never the newest.
    """

    def __init__(self, listed: int, spare: int, max_bytes: int) -> None:
        self.discontinuities = 0
        self.maps: dict[int, bytes] = {}
        self.is_over = False
        self._listed = listed
        self._spare = spare
        self._max_bytes = max_bytes
        self._segments: deque[Segment] = deque()
        self._size_bytes = 0
        self._next_number = 0

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[Segment]:
        """From the oldest that playlists have to the newest, which may be incomplete."""
        return islice(self._segments, self._first_listed, None)

    @property
    def size_bytes(self) -> int:
        """Of all that is kept."""
        return self._size_bytes

    @property
    def newest(self) -> Segment | None:
        """The newest segment."""
        return self._segments[-1] if self._segments else None

    @property
    def has_complete(self) -> bool:
        """Whether there is a complete segment."""
        return len(self._segments) > 1 or bool(self._segments and self._segments[0].is_complete)

    @property
    def next_number(self) -> int:
        """The number of the next segment to begin."""
        return self._next_number

    @property
    def listed_discontinuities(self) -> int:
        """How many discontinuities there were before what playlists have."""
        return self.discontinuities + sum(
            segment.is_discontinuous for segment in islice(self._segments, self._first_listed)
        )

    def get(self, number: int) -> Segment | None:
        """The segment of that number if it is kept."""
        index = number - self._segments[0].number if self._segments else -1
        return self._segments[index] if 0 <= index < len(self._segments) else None

    def has(self, number: int, part: int | None) -> bool:
        """Whether a segment or part, or a later one, has come, so that a playlist with it can be given."""
        newest = self.newest
        if newest is None or number > newest.number:
            return False
        if number < newest.number or newest.is_complete:
            return True
        return part is not None and part < len(newest.parts)

    def begin(self, map_number: int, is_discontinuous: bool, begins_unix_s: float) -> Segment:
        """A new segment; the one before is complete."""
        newest = self.newest
        assert newest is None or newest.is_complete
        segment = Segment(self._next_number, map_number, is_discontinuous, begins_unix_s)
        self._next_number += 1
        self._segments.append(segment)
        self._trim()
        return segment

    def add(self, part: Part) -> None:
        """One more part of the newest segment."""
        newest = self.newest
        assert newest is not None
        assert not newest.is_complete
        newest.parts.append(part)
        self._size_bytes += len(part.data)
        self._trim()

    @property
    def _first_listed(self) -> int:
        return max(0, len(self._segments) - self._listed - 1)

    def _trim(self) -> None:
        while len(self._segments) > 1 and (
            len(self._segments) > self._listed + self._spare + 1 or self._size_bytes > self._max_bytes
        ):
            gone = self._segments.popleft()
            self._size_bytes -= gone.size_bytes
            self.discontinuities += gone.is_discontinuous
        needed = {segment.map_number for segment in self._segments}
        newest_map = max(self.maps, default=0)
        for number in [number for number in self.maps if number not in needed and number != newest_map]:
            del self.maps[number]
