"""A receiver whose way has become too narrow: how its consumer goes to a smaller version, and what is repaired then."""

from __future__ import annotations

import itertools

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.feedback import Nack, Remb
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.rig import Peer, Rig

SSRC = 7000
WIDE, NARROW, FAR_TOO_NARROW = 1_000_000, 160_000, 100_000


class Watched:
    """Three encodings of about 45, 85 and 205 kbit/s, of which a receiver with room for all gets the largest."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.sender = LayeredSender(rig, modes=["L1T3"] * 3)
        self.sender.frame_sizes = [200, 400, 1000]
        self.receiver: Peer = rig.connect()
        parameters = self.sender.receiver_parameters(remb=True)
        self.consumer: Consumer = self.sender.consume(self.receiver, rtpParameters=parameters)
        self.sender.send_frame(0, 1, 2, key=True)
        self.sender.send_reports()
        self.has(WIDE)
        self.sender.run(4000, 0, 1, 2, key=True)
        assert self.spatial == 2
        self.receiver.rtp()

    @property
    def spatial(self) -> int:
        spatial = self.consumer.dump().current_spatial_layer
        assert spatial is not None
        return spatial

    def has(self, bitrate_bps: int) -> None:
        self.receiver.send_rtcp(Remb(1, bitrate_bps, (SSRC,)))

    def numbers(self) -> list[int]:
        return [packet.sequence_number for packet in self.receiver.rtp()]

    def asks_for(self, *numbers: int) -> list[int]:
        """What is sent again of these."""
        self.receiver.send_rtcp(Nack(1, SSRC, numbers))
        return self.numbers()


@pytest.fixture
def watched(rig: Rig) -> Watched:
    return Watched(rig)


def test_what_cannot_arrive_is_not_sent_while_the_key_frame_of_the_smaller_one_is_awaited(watched: Watched) -> None:
    watched.sender.send_frame(0, 1, 2)
    before = watched.numbers()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(400, 0, 1, 2)
    assert watched.numbers() == []
    assert watched.asks_for(*before) == []
    watched.sender.send_frame(0, 1, 2, key=True)
    watched.sender.send_frame(0, 1, 2)
    assert watched.spatial == 1
    assert [number - before[-1] for number in watched.numbers()] == [1, 2]


def test_what_nearly_fits_goes_on_until_the_key_frame_of_the_smaller_one(watched: Watched) -> None:
    watched.has(NARROW)
    watched.sender.run(400, 0, 1, 2)
    assert watched.spatial == 2
    assert len(watched.numbers()) == 10
    watched.sender.send_frame(0, 1, 2, key=True)
    assert watched.spatial == 1


def test_a_wish_for_less_does_not_stop_what_comes_until_the_key_frame(watched: Watched) -> None:
    watched.consumer.set_preferred_layers(ConsumerLayers(spatial_layer=0, temporal_layer=None))
    watched.sender.run(400, 0, 1, 2)
    assert watched.spatial == 2
    assert len(watched.numbers()) == 10


def test_pictures_before_the_key_frame_of_the_smaller_one_are_not_repaired(watched: Watched) -> None:
    watched.sender.run(200, 0, 1, 2)
    before = watched.numbers()
    assert watched.asks_for(*before[-3:]) == before[-3:]
    watched.has(FAR_TOO_NARROW)
    watched.sender.send_frame(0, 1, 2, key=True)
    watched.sender.run(200, 0, 1, 2)
    since = watched.numbers()
    assert watched.spatial == 1
    watched.rig.clock.advance(200)
    assert watched.asks_for(*before, *since) == since


def test_it_ends_at_once_too_when_it_gets_far_too_narrow_while_a_key_frame_is_awaited(watched: Watched) -> None:
    watched.has(NARROW)
    watched.sender.run(200, 0, 1, 2)
    assert watched.numbers()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(200, 0, 1, 2)
    assert watched.numbers() == []
    watched.sender.send_frame(0, 1, 2, key=True)
    assert watched.spatial == 1


def test_after_a_wish_for_less_all_is_repaired(watched: Watched) -> None:
    watched.sender.run(200, 0, 1, 2)
    before = watched.numbers()
    watched.consumer.set_preferred_layers(ConsumerLayers(spatial_layer=0, temporal_layer=None))
    watched.sender.send_frame(0, 1, 2, key=True)
    since = watched.numbers()
    assert watched.spatial == 0
    assert watched.asks_for(*before, *since) == before + since


def test_after_a_step_up_all_is_repaired(watched: Watched) -> None:
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(4000, 0, 1, 2, key=True)
    assert watched.spatial == 1
    watched.sender.run(12_000, 0, 1, 2)
    watched.has(WIDE)
    watched.numbers()
    watched.sender.run(400, 0, 1, 2)
    before = watched.numbers()
    watched.sender.send_frame(0, 1, 2, key=True)
    since = watched.numbers()
    assert watched.spatial == 2
    assert watched.asks_for(*before, *since) == before + since


def test_numbers_of_a_stream_that_went_down_and_up_have_no_gap(watched: Watched) -> None:
    watched.sender.send_frame(0, 1, 2)
    numbers = watched.numbers()
    for bitrate_bps in (FAR_TOO_NARROW, WIDE, FAR_TOO_NARROW):
        watched.has(bitrate_bps)
        for _ in range(30):
            watched.sender.run(360, 0, 1, 2)
            watched.sender.send_frame(0, 1, 2, key=True)
            numbers += watched.numbers()
    assert {(after - before) & 0xFFFF for before, after in itertools.pairwise(numbers)} == {1}
