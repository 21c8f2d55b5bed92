"""Simulcast over a lossy network: the picture goes on through every switch of layers."""

from __future__ import annotations

import itertools

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.consumer import Consumer
from tests.scenarios.camera import Camera
from tests.scenarios.encoding import simulcast_encodings
from tests.scenarios.network import Path
from tests.scenarios.scene import Endpoint, Scene
from tests.scenarios.viewer import Viewer


class Stage:
    """One camera with three encodings, one viewer of them."""

    def __init__(self, scene: Scene, loss: float = 0.0) -> None:
        self.scene = scene
        paths = [Path(seed=50 + index, loss=loss, delay_ms=20, jitter_ms=2) for index in range(4)]
        self.sender: Endpoint = scene.connect(*paths[:2])
        self.receiver: Endpoint = scene.connect(*paths[2:])
        self.camera = Camera(self.sender, simulcast_encodings(), temporal_layers=3)
        self.producer = scene.produce_simulcast(self.sender, self.camera.encodings)
        self.consumer: Consumer = scene.consume_simulcast(self.receiver, self.producer)
        self.viewer = Viewer(self.receiver, self.consumer)

    def prefer(self, spatial: int, temporal: int) -> None:
        self.consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=temporal))

    def seen(self, seconds: float) -> tuple[set[int], float]:
        """Of which encodings pictures are decoded in this time, and how many a second."""
        before = len(self.viewer.decoded)
        self.scene.run(seconds)
        frames = self.viewer.decoded[before:]
        return {frame.encoding for frame in frames}, len(frames) / seconds


@pytest.fixture
def stage(scene: Scene) -> Stage:
    return Stage(scene)


def test_each_spatial_and_temporal_layer_is_seen_at_the_receiver(stage: Stage) -> None:
    stage.scene.run(4)
    for spatial, temporal in [*itertools.product(range(3), range(3)), (2, 2), (0, 0), (2, 0), (1, 2)]:
        stage.prefer(spatial, temporal)
        stage.scene.run(0.6)
        encodings, rate = stage.seen(2)
        assert encodings == {spatial}
        assert rate == pytest.approx(30 / 4 * 2**temporal, rel=0.15)
    assert stage.viewer.longest_freeze_ms() <= 300
    assert stage.viewer.plis == 0


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_no_switch_freezes_the_picture(scene: Scene, loss: float) -> None:
    stage = Stage(scene, loss)
    scene.run(5)
    begin_us = scene.now_us
    for spatial in (0, 2, 1, 0, 1, 2, 0, 2):
        stage.prefer(spatial, 2)
        scene.run(2)
        assert stage.viewer.decoded[-1].encoding == spatial
    assert stage.viewer.longest_freeze_ms(begin_us) <= (1000 if loss else 150)
    numbers = [frame.number for frame in stage.viewer.decoded]
    assert numbers == sorted(numbers)  # a picture may come in two sizes where they are switched


def test_an_encoding_that_stops_is_left_within_a_second_and_taken_again(stage: Stage) -> None:
    stage.scene.run(4)
    assert stage.viewer.decoded[-1].encoding == 2
    stage.camera.encodings[2].enabled = False
    stopped_us = stage.scene.now_us
    stage.scene.run(3)
    assert stage.viewer.decoded[-1].encoding == 1
    assert stage.viewer.longest_freeze_ms(stopped_us - 100_000) <= 1100
    stage.camera.encodings[2].enabled = True
    stage.camera.encodings[2].key_frame_wanted = True
    back_us = stage.scene.now_us
    stage.scene.run(5)
    assert stage.viewer.decoded[-1].encoding == 2
    assert stage.viewer.longest_freeze_ms(back_us) <= 150


def test_timestamps_stay_true_to_the_camera_through_switches(stage: Stage) -> None:
    stage.scene.run(5)
    for spatial in (0, 2, 1, 2):
        stage.prefer(spatial, 2)
        stage.scene.run(2)
    frames = [frame for frame in stage.viewer.decoded if frame.number > 60]
    offsets = {
        (frame.timestamp - frame.captured_us * 9 // 100 + 0x80000000 & 0xFFFFFFFF) - 0x80000000 for frame in frames
    }
    assert max(offsets) - min(offsets) <= 90 * 5  # 5 ms
