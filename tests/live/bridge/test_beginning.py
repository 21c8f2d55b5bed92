"""What a room's stream begins with when sound and pictures come at different times."""

from __future__ import annotations

import pytest

from miso.live.bridge.from_room.beginning import MAX_HELD_BYTES, PACKET_BYTES, WAIT_S, Beginning
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from tests.live.clock import FakeClock
from tests.live.streams.packets import picture, sound, video_config

BOTH = {Kind.AUDIO, Kind.VIDEO}
Got = list[tuple[Kind, int]]


class Held:
    """A beginning, and what has come out of it."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.awaited = BOTH
        self.clock = FakeClock()
        self.beginning = Beginning(self.packets.append, lambda: self.awaited, self.clock)

    def put(self, *packets: Packet) -> None:
        for packet in packets:
            self.beginning.put(packet)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.beginning.due()

    @property
    def got(self) -> Got:
        return [(packet.track.kind, packet.dts_ms) for packet in self.packets]


@pytest.fixture
def held() -> Held:
    return Held()


def test_pictures_older_than_the_sound_before_them_come_first(held: Held) -> None:
    held.put(sound(1_000), sound(1_020), video_config(dts_ms=400))
    assert held.got == []
    held.put(picture(400, key=True))
    held.put(picture(440), sound(1_040))
    video, audio = Kind.VIDEO, Kind.AUDIO
    assert held.got == [(video, 400), (video, 400), (audio, 1_000), (audio, 1_020), (video, 440), (audio, 1_040)]
    assert held.packets[0].is_config


@pytest.mark.parametrize("awaited", [{Kind.AUDIO}, set()])
def test_nothing_waits_for_pictures_that_nobody_sends(held: Held, awaited: set[Kind]) -> None:
    held.awaited = awaited
    held.put(sound(1_000))
    assert held.got == [(Kind.AUDIO, 1_000)]


def test_what_goes_is_waited_for_no_longer(held: Held) -> None:
    held.put(sound(1_000))
    held.awaited = {Kind.AUDIO}
    held.wait(0.1)
    assert held.got == [(Kind.AUDIO, 1_000)]


def test_what_does_not_come_is_waited_for_some_time_from_the_first_packet_on(held: Held) -> None:
    held.wait(100.0)
    held.put(picture(1_000, key=True))
    held.wait(WAIT_S - 0.01)
    assert held.got == []
    held.wait(0.02)
    held.put(picture(1_040))
    assert held.got == [(Kind.VIDEO, 1_000), (Kind.VIDEO, 1_040)]


def test_sound_from_before_the_beginning_is_left_out_and_pictures_are_not(held: Held) -> None:
    held.put(picture(1_000, key=True))
    held.wait(WAIT_S)
    held.put(sound(960), sound(980), sound(1_000), picture(990))
    assert held.got == [(Kind.VIDEO, 1_000), (Kind.AUDIO, 1_000), (Kind.VIDEO, 990)]


def test_pictures_stay_in_the_order_in_which_they_came(held: Held) -> None:
    held.put(picture(1_000, key=True), picture(900), picture(1_040))
    held.put(sound(950))
    assert [time_ms for kind, time_ms in held.got if kind is Kind.VIDEO] == [1_000, 900, 1_040]


@pytest.mark.parametrize("size", [1, 40_000])
def test_no_more_is_held_than_that(held: Held, size: int) -> None:
    most = MAX_HELD_BYTES // (PACKET_BYTES + size)
    held.put(*(sound(number, size) for number in range(most)))
    assert held.got == []
    held.put(sound(most, size))
    assert len(held.got) == most + 1
