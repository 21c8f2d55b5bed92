"""Whoever wants key frames, and by whatever command: their sender is asked for few."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtcp.feedback import Fir, Pli
from tests.worker.rtc.layered_sender import FIRST_SSRC, LayeredSender
from tests.worker.rtc.parameters import MAPPED_SSRC, VIDEO_SSRC
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp


class Camera:
    """Answers every request with a key frame at once, as a sender does that is near."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.peer = rig.connect()
        self.producer: Producer = rig.produce(self.peer)
        self.asked = 0
        self.number = 0
        self.send(KEY_FRAME)

    def send(self, payload: bytes) -> None:
        self.number += 1
        self.peer.send(rtp(self.number, payload, ssrc=VIDEO_SSRC, payload_type=96))

    def run(self, seconds: int, then: Callable[[], None]) -> None:
        """``then`` happens a hundred times a second."""
        for _ in range(100 * seconds):
            then()
            self.tick()

    def tick(self) -> None:
        """A frame, and 10 ms pass."""
        wanted = len(self.peer.rtcp(Pli, Fir))
        self.asked += wanted
        self.send(KEY_FRAME if wanted else DELTA_FRAME)
        self.rig.clock.advance(10)


@pytest.fixture
def camera(rig: Rig) -> Camera:
    return Camera(rig)


def pause_and_resume(consumer: Consumer) -> None:
    consumer.pause()
    consumer.resume()


FLOODS = {
    "requestConsumerKeyFrame": lambda camera, consumer, peer: consumer.request_key_frame(),
    "pause and resume": lambda camera, consumer, peer: pause_and_resume(consumer),
    "PLI": lambda camera, consumer, peer: peer.send_rtcp(Pli(1, consumer.streams[0].ssrc)),
    "reconnected": lambda camera, consumer, peer: (consumer.transport_disconnected(), consumer.transport_connected()),
    "producer paused": lambda camera, consumer, peer: (camera.producer.pause(), camera.producer.resume()),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_costs_the_sender_two_key_frames_a_second(
    rig: Rig, camera: Camera, flood: Callable[[Camera, Consumer, Peer], None]
) -> None:
    peer = rig.connect()
    consumer = rig.consume(peer, camera.producer)
    camera.run(10, lambda: flood(camera, consumer, peer))
    assert 10 <= camera.asked <= 4 + 2 * 10


def test_new_consumers_without_end_cost_no_more(rig: Rig, camera: Camera) -> None:
    peer = rig.connect()
    camera.run(5, lambda: rig.consume(peer, camera.producer).close())
    assert 5 <= camera.asked <= 4 + 2 * 5


def test_many_receivers_together_cost_no_more_than_one(rig: Rig, camera: Camera) -> None:
    peer = rig.connect()
    consumers = itertools.cycle([rig.consume(peer, camera.producer) for _ in range(20)])
    camera.run(5, lambda: peer.send_rtcp(Pli(1, next(consumers).streams[0].ssrc)))
    assert camera.asked <= 4 + 2 * 5


def test_repairs_that_fail_without_end_cost_no_more(rig: Rig, camera: Camera) -> None:
    rig.consume(rig.connect(), camera.producer)

    def lose_a_thousand() -> None:
        camera.number += 1000

    camera.run(5, lose_a_thousand)
    assert 1 <= camera.asked <= 4 + 2 * 5


def test_the_first_wish_is_granted_at_once_and_one_in_a_flood_within_half_a_second(rig: Rig, camera: Camera) -> None:
    consumer = rig.consume(rig.connect(), camera.producer)
    camera.peer.rtcp()
    camera.send(KEY_FRAME)
    consumer.request_key_frame()
    assert len(camera.peer.rtcp(Pli)) == 1
    camera.run(2, consumer.request_key_frame)
    waiting = rig.consume(rig.connect(), camera.producer)
    for _ in range(50):
        camera.tick()
    assert not waiting.streams[0].plane.waiting_for_key_frame


def test_a_flood_of_preferred_layers_costs_each_stream_two_key_frames_a_second(rig: Rig) -> None:
    sender = LayeredSender(rig, modes=["L1T1", "L1T1"])
    sender.run(400, 0, 1)
    sender.send_reports()
    consumer = sender.consume(rig.connect())
    asked: list[int] = []
    for number in range(250):
        consumer.set_preferred_layers(ConsumerLayers(spatial_layer=number % 2, temporal_layer=0))
        wanted = [pli.media_ssrc - FIRST_SSRC for pli in sender.peer.rtcp(Pli)]
        asked += wanted
        for layer in (0, 1):
            sender.send_frame(layer, key=layer in wanted)
    seconds = 20
    assert max(asked.count(0), asked.count(1)) <= 4 + 2 * seconds
    assert min(asked.count(0), asked.count(1)) >= seconds // 2


def test_a_paused_producers_sender_is_asked_for_nothing(rig: Rig, camera: Camera) -> None:
    peer = rig.connect()
    consumer = rig.consume(peer, camera.producer)
    camera.run(1, lambda: None)
    consumer.request_key_frame()  # pending, to be repeated in a second
    assert camera.peer.rtcp(Pli)
    camera.producer.pause()
    camera.asked = 0
    ask = [
        consumer.request_key_frame,
        lambda: camera.producer.request_key_frame(MAPPED_SSRC),
        lambda: peer.send_rtcp(Pli(1, consumer.streams[0].ssrc)),
        lambda: setattr(camera, "number", camera.number + 1000),
    ]
    for wish in ask:
        camera.run(1, wish)
    assert camera.asked == 0
