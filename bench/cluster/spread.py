"""A room of one publisher and many viewers, placed by the measured load of its workers: do they share it?"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.cluster.room import PAYLOAD_TYPE, PRODUCER_SSRC, Room
from bench.load import Sender
from bench.sinks import Sinks
from miso.cluster.placement.choice import Candidate, choose_worker
from miso.cluster.placement.load import LoadMeter
from miso.controller.types import LoadReport

PACKET_SIZE = 1100
FRAME_PACKETS = 10
COME_AT_ONCE = 10
"""So many viewers come between two looks at the load."""
LOOK_S = 0.5


@dataclass
class Spread:
    """What was measured.

    Attributes:
        viewers: How many each worker has.
        cpu_share: Of one core that each worker used.
        expected: How many packets the viewers should have got.
        arrived: How many they got.
    """

    viewers: list[int]
    cpu_share: list[float]
    expected: int
    arrived: int

    @property
    def difference(self) -> float:
        """By what share of the larger the CPU of the workers differs."""
        return (max(self.cpu_share) - min(self.cpu_share)) / max(self.cpu_share)


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


async def measure_spread(*, viewers: int, workers: int, packets_per_s: float, seconds: float, seed: int = 1) -> Spread:
    """Lets viewers come while the publisher sends, then measures.

    Args:
        viewers: How many.
        workers: How many.
        packets_per_s: Of the publisher, which each viewer gets.
        seconds: How long is measured when all are there.
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
            sent, received = sender.wanted, sinks.received
            before = [await worker.get_load() for worker in room.workers]
            send(seconds)
            after = [await worker.get_load() for worker in room.workers]
            return Spread(
                viewers=[placed.count(index) for index in range(workers)],
                cpu_share=[
                    (end.cpu_us - begin.cpu_us) / (end.timestamp_us - begin.timestamp_us)
                    for begin, end in zip(before, after, strict=True)
                ],
                expected=(sender.wanted - sent) * viewers,
                arrived=sinks.received - received,
            )
    finally:
        sender.close()
        sinks.close()
