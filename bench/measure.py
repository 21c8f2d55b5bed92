"""Measures rows: a worker, a kind of video, a suite, a number of receivers, a pattern; the floor in turns with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from bench.figures import Kind, Pattern, Row, Sent, Settings
from bench.floor_process import FloorProcess
from bench.room import LATE_S, PACKET_SIZE, Room
from bench.sinks import Sinks
from bench.workers import Worker
from miso.worker.srtp_suite import SrtpSuite

WARM_UP_S = 0.3
MAX_REVIVALS = 20


def measure(
    workers: Sequence[Worker],
    suites: Sequence[SrtpSuite | None],
    receivers: Sequence[int],
    patterns: Sequence[Pattern],
    kinds: Sequence[Kind],
    settings: Settings,
) -> Iterator[Row]:
    """Yields the rows of each suite and number of receivers when they are complete.

    Video with layers is measured with the first suite and the most receivers only.
    """
    if "simple" in kinds:
        for suite in suites:
            for count in receivers:
                yield from _measure_rooms(workers, "simple", suite, count, patterns, settings)
    for kind in kinds:
        if kind != "simple":
            yield from _measure_rooms(workers, kind, suites[0], max(receivers), patterns, settings)


def _measure_rooms(
    workers: Sequence[Worker],
    kind: Kind,
    suite: SrtpSuite | None,
    receivers: int,
    patterns: Sequence[Pattern],
    settings: Settings,
) -> list[Row]:
    name = suite.name if suite else "none"
    rows = {
        (worker.name, pattern): Row(worker.name, name, receivers, pattern, kind)
        for pattern in patterns
        for worker in workers
    }
    with ExitStack() as stack:
        sinks = Sinks(receivers)
        stack.callback(sinks.close)
        floor = stack.enter_context(FloorProcess(sinks, suite, os.urandom(suite.keying_size) if suite else b""))
        rooms = {
            worker.name: stack.enter_context(Room(worker.command, worker.dialect, suite, receivers, kind))
            for worker in workers
        }
        for room in rooms.values():
            _send(room, "paced", WARM_UP_S, settings.rate, late_s=0)
            room.choose_layers()
            _send(room, "paced", WARM_UP_S, settings.rate, late_s=0)
        _measure_floor(floor, settings)
        for _ in range(settings.repeats):
            for pattern in patterns:
                for worker_name, room in rooms.items():
                    row = rows[worker_name, pattern]
                    row.floor_us.append(_measure_floor(floor, settings))
                    if kind != "simple":
                        _revive(room, settings.rate)
                    row.add(_send(room, pattern, settings.seconds, settings.rate))
    return list(rows.values())


def _send(room: Room, pattern: Pattern, seconds: float, rate: float, late_s: float = LATE_S) -> Sent:
    return room.send(seconds=seconds, rate=rate, in_bursts=pattern == "bursts", late_s=late_s)


def _revive(room: Room, rate: float) -> None:
    """Sends until all that is wanted arrives: layers that were silent meanwhile are not forwarded at once."""
    for _ in range(MAX_REVIVALS):
        sent = _send(room, "paced", WARM_UP_S, rate, late_s=0)
        if sent.arrived == sent.expected:
            return


def _measure_floor(floor: FloorProcess, settings: Settings) -> float:
    return floor.cpu_us(round(settings.rate * settings.seconds), PACKET_SIZE["video"], settings.rate)
