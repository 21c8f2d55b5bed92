"""Receivers behind narrow links: what is sent follows what their way carries, and comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from miso.worker.channel.bodies.consumer import SetPriorityRequest
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.producer.producer import Producer
from tests.scenarios.camera import Camera
from tests.scenarios.encoding import simulcast_encodings
from tests.scenarios.network import Path
from tests.scenarios.reporter import Reporter
from tests.scenarios.scene import Endpoint, Scene
from tests.scenarios.viewer import Viewer

MBIT = 1_000_000
LAYERS_BPS = (150_000, 500_000, 1_500_000)
DELAY_MS = 25


def simulcast(scene: Scene, bitrates_bps: tuple[int, ...] = LAYERS_BPS) -> tuple[Producer, Camera]:
    """A producer of one encoding per bitrate, and its camera."""
    endpoint = scene.connect(Path(delay_ms=5), Path(delay_ms=5))
    encodings = simulcast_encodings(bitrates_bps)
    producer = scene.produce_simulcast(endpoint, encodings, temporal_layers=1)
    return producer, Camera(endpoint, encodings)


def consume(scene: Scene, endpoint: Endpoint, producer: Producer) -> Consumer:
    """A simulcast consumer whose receiver speaks transport-wide feedback."""
    return scene.consume_simulcast(endpoint, producer, temporal_layers=1, managed=True)


@dataclass
class Second:
    """What was so at the end of a second."""

    available_bps: int
    layer: int
    media_bps: int
    queue_ms: float


def layer_of(consumer: Consumer) -> int:
    """What is sent at the moment; -1 for nothing."""
    layer = consumer.dump().current_spatial_layer
    return -1 if layer is None else layer


class Audience:
    """One receiver behind a link, watched second by second."""

    def __init__(self, scene: Scene, producer: Producer, link_bps: int | None, **path: Any) -> None:
        self.scene = scene
        self.way = Path(delay_ms=DELAY_MS, rate_bps=link_bps, queue_ms=400, **path)
        self.endpoint = scene.connect(Path(delay_ms=DELAY_MS), self.way)
        self.consumer = consume(scene, self.endpoint, producer)
        self.viewer = Viewer(self.endpoint, self.consumer)
        self.reporter = Reporter(self.endpoint)

    def run(self, seconds: int) -> list[Second]:
        passed = []
        for _ in range(seconds):
            self.way.longest_queue_ms = 0.0
            before = self.consumer.streams[0].plane.bytes
            self.scene.run(1)
            passed.append(
                Second(
                    self.endpoint.transport.outgoing.available_bps,
                    layer_of(self.consumer),
                    8 * (self.consumer.streams[0].plane.bytes - before),
                    self.way.longest_queue_ms,
                )
            )
        return passed


def test_top_layer_comes_within_seconds_on_a_wide_link(scene: Scene) -> None:
    producer, _ = simulcast(scene)
    audience = Audience(scene, producer, 10 * MBIT)
    assert audience.run(8)[-1].layer == 2


def test_estimate_of_a_2_mbit_link_settles_and_its_queue_stays_short(scene: Scene) -> None:
    # the camera's layers lie close together, so that some are always wanted beyond what the link carries
    producer, _ = simulcast(scene, (500_000, 1_500_000, 3_000_000))
    scene.run(3)  # what its layers take is known
    seconds = Audience(scene, producer, 2 * MBIT).run(30)
    for second in seconds[8:]:
        assert 0.70 * 2 * MBIT <= second.available_bps <= 1.05 * 2 * MBIT
    assert max(second.queue_ms for second in seconds) < 200


def test_receiver_behind_500_kbit_falls_to_a_lower_layer_and_is_back_at_the_top(scene: Scene) -> None:
    producer, _ = simulcast(scene)
    audience = Audience(scene, producer, 3 * MBIT)
    assert audience.run(12)[-1].layer == 2
    began_us = scene.now_us
    audience.way.rate_bps = 500_000
    limited = audience.run(20)
    assert max(second.layer for second in limited[5:]) <= 1
    assert max(second.queue_ms for second in limited[5:]) < 200
    audience.way.rate_bps = 3 * MBIT
    free = audience.run(20)
    assert free[-1].layer == 2
    # Of 16 moments at which the link narrows, 11 cost half a second. At the others the estimate has fallen half the way
    # when it is told, and the rest is told a second later: until then a layer is sent that does not fit.
    assert audience.viewer.longest_freeze_ms(began_us) < 1_700


@pytest.mark.parametrize("seed", [1, 2])
def test_5_percent_loss_does_not_take_the_top_layer_away(scene: Scene, seed: int) -> None:
    producer, _ = simulcast(scene)
    seconds = Audience(scene, producer, 3 * MBIT, loss=0.05, seed=seed).run(30)
    assert [second.layer for second in seconds[10:]] == [2] * 20


def test_two_consumers_share_and_the_one_with_priority_gets_more(scene: Scene) -> None:
    first, _ = simulcast(scene)
    second, _ = simulcast(scene)
    audience = Audience(scene, first, int(2.4 * MBIT))
    other = consume(scene, audience.endpoint, second)
    Viewer(audience.endpoint, other)
    other.set_priority(SetPriorityRequest(priority=10))
    audience.run(12)
    assert layer_of(other) == 2
    assert layer_of(audience.consumer) < 2
    audience.consumer.set_priority(SetPriorityRequest(priority=100))
    audience.run(4)
    assert layer_of(audience.consumer) == 2
    assert layer_of(other) < 2
