"""Noticing that a stream or layer stops, and that it comes back."""

from __future__ import annotations

import pytest

from miso.worker.rtc.producer.activity import ActivityWatch
from tests.worker.rtc.world import FakeClock


class Counters:
    """Packet counters of three streams; what is told about them is kept."""

    def __init__(self, silence_us: int | None) -> None:
        self.clock = FakeClock()
        self.packets: list[int | None] = [0, 0, 0]
        self.told: list[tuple[int, bool]] = []
        self.watch = ActivityWatch(
            self.clock, lambda: self.packets, lambda index, alive: self.told.append((index, alive)), silence_us
        )

    def run(self, milliseconds: int, frame_ms: int, *streams: int) -> None:
        """Lets time pass while these streams get a packet every so often."""
        for _ in range(milliseconds // frame_ms):
            for stream in streams:
                self.packets[stream] = (self.packets[stream] or 0) + 1
            self.clock.advance(frame_ms)

    def take(self) -> list[tuple[int, bool]]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def counters() -> Counters:
    counters = Counters(silence_us=1_500_000)
    counters.watch.start()
    return counters


def test_a_stream_that_stops_while_the_others_go_on_is_noticed_within_a_second(counters: Counters) -> None:
    counters.run(2000, 40, 0, 1, 2)
    assert counters.take() == []
    counters.run(920, 40, 0, 1)
    assert counters.take() == [(2, False)]
    assert not counters.watch.is_alive(2)
    assert counters.watch.is_alive(1)


def test_its_return_is_noticed_at_once(counters: Counters) -> None:
    counters.run(2000, 40, 0, 1)
    counters.take()
    counters.run(200, 40, 0, 1, 2)
    assert counters.take() == [(2, True)]


def test_a_frame_a_second_is_not_an_end(counters: Counters) -> None:
    counters.run(20_000, 1000, 0, 1, 2)
    assert counters.take() == []


def test_one_that_lacks_in_three_rare_frames_has_ended() -> None:
    counters = Counters(silence_us=None)
    counters.watch.start()
    counters.run(3000, 1000, 0, 1, 2)
    counters.run(4000, 1000, 0, 1)
    assert counters.take() == [(2, False)]


def test_silence_of_all_is_an_end_after_a_while(counters: Counters) -> None:
    counters.run(1000, 40, 0, 1, 2)
    counters.clock.advance(1300)
    assert counters.take() == []
    counters.clock.advance(500)
    assert counters.take() == [(0, False), (1, False), (2, False)]


def test_silence_of_all_is_no_end_without_such_a_limit() -> None:
    counters = Counters(silence_us=None)
    counters.watch.start()
    counters.run(1000, 40, 0, 1, 2)
    counters.clock.advance(60_000)
    assert counters.take() == []


def test_a_stream_that_there_is_not_yet_has_not_ended(counters: Counters) -> None:
    counters.packets[2] = None
    counters.run(4000, 40, 0, 1)
    assert counters.take() == []
    assert counters.watch.is_alive(2)


def test_a_pause_is_no_silence(counters: Counters) -> None:
    counters.run(1000, 40, 0, 1, 2)
    counters.watch.stop()
    counters.clock.advance(10_000)
    counters.watch.start()
    counters.clock.advance(1200)
    assert counters.take() == []
    counters.watch.stop()
    assert counters.clock.waiting == 0


def test_a_worker_that_was_stopped_looks_again_before_it_judges(counters: Counters) -> None:
    counters.run(2000, 40, 0, 1, 2)
    counters.clock.advance(20)
    counters.clock.stand_still(5000)
    counters.run(2000, 40, 0, 1, 2)
    assert counters.take() == []
    counters.clock.stand_still(5000)
    counters.clock.advance(1400)
    assert counters.take() == []
    counters.clock.advance(400)
    assert counters.take() == [(0, False), (1, False), (2, False)]
