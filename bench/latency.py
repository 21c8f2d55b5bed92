"""How much later packets come to receivers than the sender sent them, by the kernel's times at both ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType

from bench.room import PRODUCER_SSRC, Room
from bench.sinks import TimedSinks
from bench.workers import Worker
from tests.harness.client import WorkerClient

_RATE = 1000.0  # packets a second: a wait is known to a millisecond
_TURN_S = 0.25
_MOMENT_S = 0.05


def added_us(sinks: TimedSinks, witness: TimedSinks) -> list[float]:
    """For each packet that came to a receiver, shortest first; the sender gave it to ``witness`` before, too."""
    sent_ns = witness.times(0)
    return sorted(
        (came - left) / 1000
        for index in range(len(sinks.addresses))
        for left, came in zip(sent_ns, sinks.times(index), strict=True)
        if left and came
    )


class Flow:
    """A worker through which a packet a millisecond goes from a sender to a receiver, while something else is done.

    Attributes:
        client: Drives the worker.
    """

    def __init__(self, worker: Worker) -> None:
        """Raises ``RuntimeError`` when the worker refuses it."""
        with ExitStack() as stack:
            self._witness = TimedSinks(1)
            stack.callback(self._witness.close)
            self._witness.expect([PRODUCER_SSRC])
            self._sinks = TimedSinks(1)
            self._room = stack.enter_context(Room(worker.command, worker.dialect, None, self._sinks, "simple"))
            self._room.sender.copy_to(self._witness.addresses[0])
            self.client: WorkerClient = self._room.client
            self._send()  # what comes with the first packet does not count
            self._stack = stack.pop_all()

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def longest_ms(self, work: Callable[[], object]) -> float:
        """Does something meanwhile; how much later the packet came that came latest.

        Raises:
            RuntimeError: A packet was lost.
        """
        with ThreadPoolExecutor(1) as elsewhere:
            done = elsewhere.submit(_a_moment_later, work)
            longest_us = 0.0
            while not done.done():
                longest_us = max(longest_us, self._longest_us())
        done.result()
        return longest_us / 1000

    def _longest_us(self) -> float:
        self._witness.drain()
        for one in (self._sinks, self._witness):
            one.begin(round(_TURN_S * _RATE) + 1)
        self._send()
        self._witness.drain()
        return added_us(self._sinks, self._witness)[-1]

    def _send(self) -> None:
        sent = self._room.send(seconds=_TURN_S, rate=_RATE)
        if sent.arrived != sent.expected:
            raise RuntimeError(f"{sent.arrived} of {sent.expected} packets arrived")


def _a_moment_later(work: Callable[[], object]) -> None:
    time.sleep(_MOMENT_S)  # packets are on their way
    work()
