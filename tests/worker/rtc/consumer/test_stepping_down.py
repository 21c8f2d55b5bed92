"""A receiver whose way has become too narrow: how its consumer goes to a smaller version, and what is repaired then."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers, SetBitrateRequest
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.feedback import Nack, Remb
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.parameters import VIDEO_SSRC
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp

SSRC = 7000
WIDE, NARROW, FAR_TOO_NARROW = 1_000_000, 160_000, 100_000


class Watched:
    """Three encodings of about 45, 85 and 205 kbit/s, of which a receiver with room for all gets the largest.

    With VP9 these are spatial layers: each alone (K-SVC), or one upon the other (SVC).
    """

    def __init__(self, rig: Rig, *, codec: str = "VP8", modes: Sequence[str] = ("L1T3",) * 3, **options: Any) -> None:
        self.rig = rig
        self.sender = LayeredSender(rig, codec=codec, modes=list(modes), **options)
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


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, [1, 2]), ({"codec": "VP9", "modes": ["L3T3_KEY"]}, [1, 2, 3])],  # a key frame of K-SVC has two layers here
    ids=["simulcast", "K-SVC"],
)
def test_what_cannot_arrive_is_not_sent_while_the_key_frame_of_the_smaller_one_is_awaited(
    rig: Rig, options: dict[str, Any], numbers: list[int]
) -> None:
    watched = Watched(rig, **options)
    watched.sender.send_frame(0, 1, 2)
    before = watched.numbers()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(400, 0, 1, 2)
    assert watched.numbers() == []
    assert watched.asks_for(*before) == []
    watched.sender.send_frame(0, 1, 2, key=True)
    watched.sender.send_frame(0, 1, 2)
    assert watched.spatial == 1
    since = watched.numbers()
    assert [number - before[-1] for number in since] == numbers
    watched.rig.clock.advance(200)
    assert watched.asks_for(*before, *since) == since


def test_layers_that_depend_on_each_other_in_every_picture_go_on_with_the_next_one(rig: Rig) -> None:
    watched = Watched(rig, codec="VP9", modes=["L3T3"])
    watched.sender.send_frame(0, 1, 2)
    before = watched.numbers()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(80, 0, 1, 2)
    assert watched.spatial == 0
    assert [number - before[-1] for number in watched.numbers()] == [1, 2]
    assert watched.asks_for(*before) == before


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


def test_the_layer_below_is_kept_while_its_key_frame_is_awaited_by_who_has_watched_for_long(watched: Watched) -> None:
    watched.sender.run(6000, 0, 1, 2)  # who is older than 8 s tries nothing higher for 10 s
    watched.receiver.rtp()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(1200, 0, 1, 2)
    assert watched.numbers() == []
    assert watched.consumer.dump().target_spatial_layer == 1
    watched.sender.send_frame(0, 1, 2, key=True)
    assert watched.spatial == 1


def test_an_estimate_that_leaps_up_and_down_stops_the_picture_once_in_5_s(watched: Watched) -> None:
    for _ in range(5):
        watched.has(FAR_TOO_NARROW)
        watched.sender.run(320, 0, 1, 2)
        watched.has(WIDE)
        watched.sender.run(280, 0, 1, 2)
        watched.sender.send_frame(0, 1, 2, key=True)
    assert len(watched.numbers()) > 60


def test_a_limit_of_ours_stops_nothing(watched: Watched) -> None:
    watched.receiver.transport.set_max_outgoing_bitrate(SetBitrateRequest(bitrate=FAR_TOO_NARROW))
    watched.sender.run(1600, 0, 1, 2)
    assert len(watched.numbers()) == 40
    watched.sender.send_frame(0, 1, 2, key=True)
    assert watched.spatial == 1


def test_a_sender_that_is_to_be_left_alone_is_not_waited_for(rig: Rig) -> None:
    watched = Watched(rig, keyFrameRequestDelay=5000)
    for spatial in (1, 2):
        watched.consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=None))
        watched.sender.send_frame(0, 1, 2, key=True)
    assert watched.spatial == 2
    watched.receiver.rtp()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(400, 0, 1, 2)
    assert len(watched.numbers()) == 10


def test_video_without_layers_counts_once_and_for_what_it_sends(rig: Rig, watched: Watched) -> None:
    beside = rig.connect()
    parameters = watched.sender.receiver_parameters(remb=True)
    parameters["encodings"] = [{"ssrc": 9000, "maxBitrate": 1_000_000}]  # what it would like
    rig.consume(watched.receiver, rig.produce(beside), rtpParameters={**parameters, "mid": "1"})
    number = 0

    def run(milliseconds: int) -> None:
        nonlocal number
        for _ in range(milliseconds // 40):
            number += 1
            payload = KEY_FRAME if number == 1 else DELTA_FRAME
            beside.send(rtp(number, payload + bytes(200), ssrc=VIDEO_SSRC, payload_type=96))
            watched.sender.send_frame(0, 1, 2)
            watched.receiver.rtp()

    run(4000)
    assert watched.spatial == 2
    watched.has(190_000)  # of about 250,000
    run(400)
    assert watched.spatial == 2


def test_who_gets_nothing_is_repaired_nothing(watched: Watched) -> None:
    watched.sender.run(200, 0, 1, 2)
    before = watched.numbers()
    watched.has(30_000)
    assert watched.consumer.dump().target_spatial_layer == -1
    assert watched.asks_for(*before) == []
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(200, 0, 1, 2)
    watched.sender.send_frame(0, 1, 2, key=True)
    since = watched.numbers()
    watched.rig.clock.advance(200)
    assert watched.spatial >= 0
    assert watched.asks_for(*before, *since) == since


def test_what_its_producer_sends_is_told_meanwhile(watched: Watched) -> None:
    before = watched.consumer.get_stats()
    watched.has(FAR_TOO_NARROW)
    watched.sender.run(200, 0, 1, 2)
    assert watched.spatial == -1
    assert len(watched.consumer.get_stats()) == len(before) == 2


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
