"""Types of ``sinks.pyx``."""

from collections.abc import Iterable

class Sinks:
    """See the source."""

    addresses: list[tuple[str, int]]
    streams: int
    capacity: int
    received: int
    others: int

    def __init__(self, count: int, streams: int = 1) -> None: ...
    def expect(self, ssrcs: Iterable[int]) -> None: ...
    def each(self) -> list[tuple[int, int, int]]: ...
    def drain(self) -> int: ...
    def close(self) -> None: ...

class TimedSinks(Sinks):
    """See the source."""

    def begin(self, packets: int) -> None: ...
    def times(self, index: int) -> list[int]: ...
