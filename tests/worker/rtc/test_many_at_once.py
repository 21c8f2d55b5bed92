"""Many who close, pause or resume at the same time cost each what one costs: no work grows with their square."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from miso.worker.rtc.consumer.consumer import Consumer
from tests.worker.rtc.parameters import video_parameters
from tests.worker.rtc.rig import Rig
from tests.worker.rtp.packets import KEY_FRAME, rtp

FEW, MANY = 20, 60
LINEAR = 1.15  # times as much for each of the many, at most; the work of their square would be three times as much


class Room:
    """Who sends some videos, and who views them all."""

    def __init__(self, count: int) -> None:
        self.rig = Rig()
        self.sender, self.viewer = self.rig.connect(), self.rig.connect()
        self.producers = [
            self.rig.produce(
                self.sender,
                parameters=video_parameters(
                    mid=f"v{number}",
                    encodings=[{"ssrc": 10_000 + 2 * number, "rtx": {"ssrc": 10_001 + 2 * number}}],
                ),
            )
            for number in range(count)
        ]
        self.consumers: list[Consumer] = [self.rig.consume(self.viewer, producer) for producer in self.producers]
        for number in range(count):
            self.sender.send(rtp(1, KEY_FRAME, ssrc=10_000 + 2 * number, payload_type=96))
        assert all(consumer.managed_by_transport and consumer.active for consumer in self.consumers)
        self.rig.notifier.events.clear()

    def close_sender(self) -> None:
        self.sender.transport.close()

    def close_viewer(self) -> None:
        self.viewer.transport.close()

    def close_producers_last_first(self) -> None:
        for producer in reversed(self.producers):
            producer.close()

    def close_router(self) -> None:
        self.rig.tables.close()

    def pause_and_resume_consumers(self) -> None:
        for consumer in self.consumers:
            consumer.pause()
        for consumer in self.consumers:
            consumer.resume()

    def pause_producers(self) -> None:
        for producer in self.producers:
            producer.pause()


def calls(room: Room, work: Callable[[], None]) -> int:
    """How many functions Python called meanwhile."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
        room.rig.clock.settle()
    finally:
        sys.setprofile(None)
    room.rig.close()
    return count


@pytest.mark.parametrize(
    "work",
    [
        Room.close_sender,
        Room.close_viewer,
        Room.close_producers_last_first,
        Room.close_router,
        Room.pause_and_resume_consumers,
        Room.pause_producers,
    ],
)
def test_it_grows_with_their_number_only(work: Callable[[Room], None]) -> None:
    few, many = Room(FEW), Room(MANY)
    for_each = calls(few, lambda: work(few)) / FEW
    assert calls(many, lambda: work(many)) / MANY <= LINEAR * for_each


def test_who_goes_with_its_router_is_told_of_nothing(rig: Rig) -> None:
    sender, viewer = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    rig.consume(viewer, producer)
    rig.consume(sender, producer)
    rig.notifier.events.clear()
    rig.tables.close()
    assert rig.notifier.events == []


def test_who_loses_its_producer_is_told(rig: Rig) -> None:
    sender, viewer = rig.connect(), rig.connect()
    consumer = rig.consume(viewer, rig.produce(sender))
    sender.transport.close()
    assert rig.notifier.names(consumer.id) == ["producerclose"]
