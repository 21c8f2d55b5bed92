"""How much later packets come to receivers than the sender sent them, by the kernel's times at both ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import TracebackType

from bench.room import PRODUCER_SSRC, Room
from bench.sinks import TimedSinks
from bench.workers import Worker
from tests.harness.client import WorkerClient

_RATE = 1000.0  # packets a second: a wait is known to a millisecond
_TURN_S = 1.0
_MOMENT_S = 0.05
_LATE_S = 2.0
_DROPPED = "copies of packets were dropped: CAP_NET_ADMIN, or a larger net.core.rmem_max, is needed"
_SWITCH_S = 0.0002  # so long at most the sender waits for Python code that is run meanwhile


def added_us(sent_ns: Sequence[int], came_ns: Iterable[Sequence[int]]) -> list[float]:
    """How much later each packet came to each receiver, shortest first; one of which the time is 0 did not come.

    Raises:
        RuntimeError: Of one that came it is not known when it was sent.
    """
    pairs = [pair for times in came_ns for pair in zip(sent_ns, times, strict=True) if pair[1]]
    if not all(left for left, _ in pairs):
        raise RuntimeError(_DROPPED)
    return sorted((came - left) / 1000 for left, came in pairs)


class Flow:
    """A worker through which a packet of Opus a millisecond goes to one receiver, while something else is done.

    Attributes:
        client: Drives the worker.
    """

    def __init__(self, worker: Worker) -> None:
        """Raises ``RuntimeError`` when the worker refuses it, or forwards nothing."""
        with ExitStack() as stack:
            self._witness = TimedSinks(1)
            stack.callback(self._witness.close)
            self._witness.expect([PRODUCER_SSRC])
            self._sinks = TimedSinks(1)
            room = Room(worker.command, worker.dialect, None, self._sinks, "simple", media="audio")
            self._room = stack.enter_context(room)
            room.sender.copy_to(self._witness.addresses[0])
            self.client: WorkerClient = room.client
            first = room.send(seconds=_MOMENT_S, rate=_RATE)  # they do not count: something is imported with them
            if first.arrived != first.expected:
                raise RuntimeError(f"{worker.name} forwarded {first.arrived} of the first {first.expected} packets")
            self._stack = stack.pop_all()

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def longest_ms(self, work: Callable[[], object]) -> float:
        """Does something meanwhile; how much later the packet came that came latest.

        One that is lost is as late as the next one that came. Where the work takes longer than a second, a tenth of
        each second is not seen.

        Raises:
            RuntimeError: After some moment none came any more, or the kernel dropped copies of what was sent.
        """
        latest_ms = 0.0
        with ThreadPoolExecutor(1) as elsewhere, _switching_often():
            done = elsewhere.submit(_a_moment_later, work)
            while not done.done():
                latest_ms = max(latest_ms, self._turn())
        done.result()
        return latest_ms

    def _turn(self) -> float:
        self._witness.drain()
        for one in (self._sinks, self._witness):
            one.begin(round(_TURN_S * _RATE))
        sent = self._room.send(seconds=_TURN_S, rate=_RATE, late_s=_LATE_S)
        self._witness.drain()
        return longest_ms(self._witness.times(0)[: sent.expected], self._sinks.times(0)[: sent.expected])


def longest_ms(sent_ns: Sequence[int], came_ns: Sequence[int]) -> float:
    """How much later the latest of some packets came; one of which the time is 0 did not, and counts as the next one.

    Raises:
        RuntimeError: The last one did not come, or it is not known when each was sent.
    """
    if not all(sent_ns):
        raise RuntimeError(_DROPPED)
    if not came_ns[-1]:
        raise RuntimeError("the last packet did not arrive")
    longest_ns, next_ns = 0, came_ns[-1]
    for left, came in zip(reversed(sent_ns), reversed(came_ns), strict=True):
        next_ns = came or next_ns
        longest_ns = max(longest_ns, next_ns - left)
    return longest_ns / 1e6


def _a_moment_later(work: Callable[[], object]) -> None:
    time.sleep(_MOMENT_S)  # packets are on their way
    work()


@contextmanager
def _switching_often() -> Iterator[None]:
    """Between threads of this process: else the sender waits up to 5 ms for the other one."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
