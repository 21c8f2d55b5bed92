"""Lets media flow to many receivers, in turns quiet and while people join and leave."""

from __future__ import annotations

import math
from contextlib import closing, nullcontext

from bench.joins.entrance import Entrance
from bench.joins_during_media.verdict import Latency, Turn
from bench.joins_during_media.visits import STAY, Visits
from bench.latency import added_us
from bench.processes import waited_s
from bench.room import PRODUCER_SSRC, Room
from bench.sinks import TimedSinks
from bench.workers import Worker
from miso.worker.srtp_suite import SrtpSuite

WARM_UP_S = 0.5


def measure(worker: Worker, receivers: int, rate: float, joins_per_s: float, seconds: float, turns: int) -> Latency:
    """Measures one worker.

    Args:
        worker: Whom.
        receivers: How many, each on a plain transport of its own.
        rate: Packets that are forwarded a second, to all receivers together.
        joins_per_s: People who come in a second of a turn with joins; as many leave.
        seconds: How long a turn is.
        turns: How many there are of both kinds.

    Raises:
        RuntimeError: The worker refuses something, or does not forward all from the beginning.
    """
    latency = Latency(worker.name, receivers)
    sinks, witness = TimedSinks(receivers), TimedSinks(1)
    witness.expect([PRODUCER_SSRC])
    with (
        closing(witness),
        Room(worker.command, worker.dialect, SrtpSuite.AES_CM_128_HMAC_SHA1_80, sinks, "simple") as room,
        closing(Entrance(room.client, "producer-0")) as entrance,
    ):
        room.sender.copy_to(witness.addresses[0])
        room.sender.key_frame_every = 1  # whoever joins gets the next frame
        entrance.open()
        visits = Visits(entrance)
        with visits.during(STAY + 1, joins_per_s):  # modules are imported with the first; they do not count
            warm = room.send(seconds=WARM_UP_S, rate=rate)
        if warm.arrived != warm.expected:
            raise RuntimeError(f"{worker.name} forwarded {warm.arrived} of the first {warm.expected} packets")
        visits.in_time = 0
        before = visits.asked, entrance.joined, entrance.left
        for _ in range(turns):
            latency.quiet.append(_turn(room, sinks, witness, rate, seconds, None, 0))
            latency.joins.append(_turn(room, sinks, witness, rate, seconds, visits, joins_per_s))
        latency.asked = visits.asked - before[0]
        latency.joined = entrance.joined - before[1]
        latency.left = entrance.left - before[2]
        latency.in_time = visits.in_time
    return latency


def _turn(
    room: Room, sinks: TimedSinks, witness: TimedSinks, rate: float, seconds: float, visits: Visits | None, per_s: float
) -> Turn:
    receivers = len(sinks.addresses)
    packets = math.ceil(seconds * rate / receivers) + 1
    witness.drain()
    for one in (sinks, witness):
        one.begin(packets)
    waited, cpu_ns = waited_s(room.pid), room.cpu_ns()
    with visits.during(max(round(seconds * per_s), 1), per_s) if visits else nullcontext():
        sent = room.send(seconds=seconds, rate=rate)
        waited, cpu_ns = waited_s(room.pid) - waited, room.cpu_ns() - cpu_ns
    witness.drain()
    return Turn(
        added_us=added_us(witness.times(0), map(sinks.times, range(receivers))),
        expected=sent.expected,
        arrived=sent.arrived,
        waited_share=waited / (cpu_ns / 1e9),
    )
