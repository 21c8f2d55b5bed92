"""A room of one publisher and many viewers, placed by the measured load of its workers: do they share it?"""

from __future__ import annotations

import itertools
import random
import time
from statistics import median
from typing import NamedTuple

from bench.cluster.measured import Spread
from bench.cluster.room import PAYLOAD_TYPE, PRODUCER_SSRC, Room
from bench.load import Sender
from bench.processes import waited_s
from bench.sinks import Sinks
from miso.cluster.placement.choice import Candidate, choose_worker
from miso.cluster.placement.load import LoadMeter
from miso.controller.types import LoadReport

PACKET_SIZE = 1100
FRAME_PACKETS = 10
COME_AT_ONCE = 10
"""So many viewers come between two looks at the load."""
LOOK_S = 0.5
LATE_S = 10.0
"""So long is waited for what has not come: on a busy machine a worker may stand still for a while."""
_STEP_S = 0.005


class _MediaClock:
    """What a worker has done while media flowed, one turn after the other.

    Attributes:
        s: How long they did.
        cpu_s: What the worker used then.
        packets: What it forwarded.
    """

    def __init__(self) -> None:
        self.s = self.cpu_s = 0.0
        self.packets = 0

    def add(self, begin: LoadReport, end: LoadReport) -> None:
        """One turn more."""
        self.s += (end.timestamp_us - begin.timestamp_us) / 1e6
        self.cpu_s += (end.cpu_us - begin.cpu_us) / 1e6
        self.packets += end.packets_forwarded - begin.packets_forwarded


class _Usage(NamedTuple):
    """What a worker has used until now.

    Attributes:
        load: As it says itself.
        waited_s: How long it has waited for a core, being ready to run.
    """

    load: LoadReport
    waited_s: float


async def measure_spread(
    *, viewers: int, workers: int, packets_per_s: float, seconds: float, turns: int, seed: int = 1
) -> Spread:
    """Lets viewers come while the publisher sends, then measures.

    Args:
        viewers: How many.
        workers: How many.
        packets_per_s: Of the publisher, which each viewer gets.
        seconds: How long a turn is, when all are there.
        turns: How many there are.
        seed: Of chance.
    """
    chance = random.Random(seed)
    sinks = Sinks(viewers)
    sender = Sender(
        kind="simple",
        ssrc=PRODUCER_SSRC,
        payload_type=PAYLOAD_TYPE,
        abs_send_time_id=4,
        transport_wide_cc_id=5,
        suite=None,
        key=b"",
    )

    def send(seconds: float) -> None:
        sender.run(sinks, seconds, packets_per_s, FRAME_PACKETS, PACKET_SIZE, False)

    try:
        async with Room(encrypted=False) as room:
            for _ in range(workers):
                await room.add_worker()
            producer, address = await room.publish(sender.address)
            sender.connect(address)
            media_s = 0.0  # for the meters time runs while media flow
            meters = [LoadMeter(media_s) for _ in range(workers)]
            clocks = [_MediaClock() for _ in range(workers)]
            placed: list[int] = []
            ssrcs: list[int] = []
            while len(placed) < viewers:
                for _ in range(min(COME_AT_ONCE, viewers - len(placed))):
                    candidates = [
                        Candidate(index, meter.load, has_shard=index == 0 or index in placed)
                        for index, meter in enumerate(meters)
                    ]
                    index = choose_worker(candidates, chance, sends=False)
                    assert index is not None
                    meters[index].place(str(len(placed)), media_s, sends=False)
                    consumer = await room.subscribe(room.shards[index], producer.id, sinks.addresses[len(placed)])
                    ssrcs.append(consumer.rtp_parameters.encodings[0].ssrc or 0)
                    placed.append(index)
                sinks.expect(ssrcs)
                before = [await worker.get_load() for worker in room.workers]
                send(LOOK_S)
                after = [await worker.get_load() for worker in room.workers]
                for meter, clock, begin, end in zip(meters, clocks, before, after, strict=True):
                    clock.add(begin, end)
                    meter.report(clock.s, clock.cpu_s, clock.packets)
                media_s = clocks[0].s
            sinks.expect(ssrcs)
            sent = sender.wanted
            usages = [await _usages(room)]
            for _ in range(turns):
                send(seconds)
                _wait_for(sinks, (sender.wanted - sent) * viewers)
                usages.append(await _usages(room))
            each = sinks.each()
            return Spread(
                viewers=[placed.count(index) for index in range(workers)],
                cpu_share=[
                    median(_share(*turn) for turn in itertools.pairwise(of_worker))
                    for of_worker in zip(*usages, strict=True)
                ],
                waited_share=_waited_share(usages[0], usages[-1]),
                expected=sender.wanted - sent,
                arrived=[received for received, _, _ in each],
                missing=[missing for _, missing, _ in each],
                again=[again for _, _, again in each],
            )
    finally:
        sender.close()
        sinks.close()


def _wait_for(sinks: Sinks, packets: int) -> None:
    """Takes what comes until all of it has, or nothing more comes."""
    end_s = time.monotonic() + LATE_S
    while sinks.received < packets and time.monotonic() < end_s:
        time.sleep(_STEP_S)
        sinks.drain()


async def _usages(room: Room) -> list[_Usage]:
    return [_Usage(await worker.get_load(), waited_s(worker.pid)) for worker in room.workers]


def _share(begin: _Usage, end: _Usage) -> float:
    """Of one core, in between."""
    return (end.load.cpu_us - begin.load.cpu_us) / (end.load.timestamp_us - begin.load.timestamp_us)


def _waited_share(begin: list[_Usage], end: list[_Usage]) -> float:
    """Of all workers."""
    waited_s = sum(last.waited_s - first.waited_s for first, last in zip(begin, end, strict=True))
    used_s = sum(last.load.cpu_us - first.load.cpu_us for first, last in zip(begin, end, strict=True)) / 1e6
    return waited_s / used_s
