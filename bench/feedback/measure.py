"""Measures a worker whose receivers report, and the same receivers silent, in turns with the floor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.feedback.receivers import Receivers
from bench.figures import Settings
from bench.floor_process import FloorProcess
from bench.measure import WARM_UP_S
from bench.room import CONSUMER_SSRC, PACKET_SIZE, TRANSPORT_WIDE_CC_ID, Room
from bench.sinks import Sinks
from bench.workers import Worker
from miso.worker.channel.bodies.base import Kind
from miso.worker.srtp_suite import SrtpSuite


@dataclass(slots=True)
class Row:
    """What was measured of one worker; a list has an element for each repeat.

    Attributes:
        silent_us: CPU of the worker for each packet that arrived, without feedback.
        speaking_us: With it.
        floor_us: CPU of the floor for each packet, just before.
        each_us: What was added, for each RTCP packet of the receivers.
        core: Share of a core with feedback, at the rate that was asked for: a busy machine sends more slowly.
        feedback: Transport-wide feedback packets that were sent.
        reports: Receiver reports.
        refused: Of both, what could not be sent.
        expected: Packets that should have arrived.
        arrived: Packets that did.
    """

    worker: str
    suite: str
    media: Kind
    receivers: int
    silent_us: list[float] = field(default_factory=list)
    speaking_us: list[float] = field(default_factory=list)
    floor_us: list[float] = field(default_factory=list)
    each_us: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)
    feedback: int = 0
    reports: int = 0
    refused: int = 0
    expected: int = 0
    arrived: int = 0

    @property
    def added_us(self) -> float:
        """CPU that feedback adds to each forwarded packet: median of the pairs."""
        return median(on - off for on, off in zip(self.speaking_us, self.silent_us, strict=True))


def measure(
    workers: Sequence[Worker], suite: SrtpSuite | None, receivers: int, media: Kind, settings: Settings
) -> list[Row]:
    """Measures all workers in turns.

    Args:
        workers: Whom to measure.
        suite: None: without SRTP.
        receivers: How many, each on a plain transport of its own.
        media: VP8 with packets of 1100 bytes, or Opus with 120.
        settings: How long and often.
    """
    name = suite.name if suite else "none"
    rows = {worker.name: Row(worker.name, name, media, receivers) for worker in workers}
    with ExitStack() as stack:
        sinks = Sinks(receivers)
        stack.callback(sinks.close)
        floor = stack.enter_context(FloorProcess(sinks, suite, os.urandom(suite.keying_size) if suite else b""))
        rooms = {worker.name: _enter(stack, worker, suite, receivers, media) for worker in workers}
        for room, sockets in rooms.values():
            sockets.speaking = True
            room.send(seconds=WARM_UP_S, rate=settings.rate)
        for _ in range(settings.repeats):
            for worker_name, (room, sockets) in rooms.items():
                _repeat(rows[worker_name], room, sockets, floor, settings)
    return list(rows.values())


def _enter(
    stack: ExitStack, worker: Worker, suite: SrtpSuite | None, receivers: int, media: Kind
) -> tuple[Room, Receivers]:
    sockets = Receivers(receivers)
    stack.callback(sockets.close)
    room = stack.enter_context(Room(worker.command, worker.dialect, suite, sockets, "simple", media))
    ssrcs = [CONSUMER_SSRC + 2 * index for index in range(receivers)]
    sockets.connect(room.ways, ssrcs, suite, TRANSPORT_WIDE_CC_ID)
    return room, sockets


def _repeat(row: Row, room: Room, sockets: Receivers, floor: FloorProcess, settings: Settings) -> None:
    packets = round(settings.rate * settings.seconds)
    row.floor_us.append(floor.cpu_us(packets, PACKET_SIZE[row.media], settings.rate))
    sockets.speaking = False
    silent = room.send(seconds=settings.seconds, rate=settings.rate)
    sockets.speaking = True
    feedback, reports, refused = sockets.feedback_sent, sockets.reports_sent, sockets.refused
    speaking = room.send(seconds=settings.seconds, rate=settings.rate)
    feedback, reports = sockets.feedback_sent - feedback, sockets.reports_sent - reports
    row.feedback += feedback
    row.reports += reports
    row.refused += sockets.refused - refused
    row.expected += silent.expected + speaking.expected
    row.arrived += silent.arrived + speaking.arrived
    row.silent_us.append(silent.cpu_us)
    row.speaking_us.append(speaking.cpu_us)
    added_us = (row.speaking_us[-1] - row.silent_us[-1]) * speaking.arrived
    row.each_us.append(added_us / max(feedback + reports, 1))
    row.core.append(row.speaking_us[-1] * settings.rate / 1e6)
