"""VP9 with spatial layers over a lossy network: only what can be decoded is sent, in every layer."""

from __future__ import annotations

import itertools

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.consumer import Consumer
from tests.scenarios.network import Path
from tests.scenarios.scene import Scene
from tests.scenarios.svc import SvcCamera, SvcViewer


def stage(scene: Scene, mode: str, loss: float) -> tuple[SvcCamera, Consumer, SvcViewer]:
    paths = [Path(seed=70 + index, loss=loss, delay_ms=20, jitter_ms=2) for index in range(4)]
    sender, receiver = scene.connect(*paths[:2]), scene.connect(*paths[2:])
    camera = SvcCamera(sender, k_svc=mode.endswith("KEY"))
    producer = scene.produce_svc(sender, camera.encodings[0], mode)
    consumer = scene.consume_svc(receiver, producer, mode)
    return camera, consumer, SvcViewer(receiver, consumer)


def prefer(consumer: Consumer, spatial: int, temporal: int) -> None:
    consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=temporal))


@pytest.mark.parametrize("mode", ["L3T3", "L3T3_KEY"])
def test_each_spatial_and_temporal_layer_is_seen_and_decodable(scene: Scene, mode: str) -> None:
    _, consumer, viewer = stage(scene, mode, 0.0)
    scene.run(3)
    for spatial, temporal in [*itertools.product(range(3), range(3)), (2, 2), (0, 0), (2, 0), (1, 2), (0, 2)]:
        prefer(consumer, spatial, temporal)
        scene.run(0.7)
        before = len(viewer.pictures)
        scene.run(2)
        seen = viewer.pictures[before:]
        assert {picture.spatial for picture in seen} == {spatial}
        assert len(seen) / 2 == pytest.approx(30 / 4 * 2**temporal, rel=0.15)
    assert (viewer.undecodable, viewer.strays) == (0, 0)


@pytest.mark.parametrize("mode", ["L3T3", "L3T3_KEY"])
def test_switches_under_loss_never_send_what_cannot_be_decoded(scene: Scene, mode: str) -> None:
    camera, consumer, viewer = stage(scene, mode, 0.03)
    scene.run(3)
    for spatial, temporal in [(0, 2), (2, 2), (1, 0), (2, 1), (0, 0), (2, 2), (1, 2), (2, 2)]:
        prefer(consumer, spatial, temporal)
        scene.run(2)
        assert viewer.pictures[-1].spatial == spatial
    assert viewer.undecodable == 0
    times = [picture.decoded_us for picture in viewer.pictures if picture.number > 60]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 1_000_000
    assert camera.encodings[0].key_frames <= 12


def test_a_lower_layer_comes_soon_though_the_packets_of_key_pictures_overtake_each_other(scene: Scene) -> None:
    sender, receiver = scene.connect(Path(seed=70, delay_ms=20, jitter_ms=4, reorders=True)), scene.connect()
    camera = SvcCamera(sender, k_svc=True)
    consumer = scene.consume_svc(receiver, scene.produce_svc(sender, camera.encodings[0], "L3T3_KEY"), "L3T3_KEY")
    viewer = SvcViewer(receiver, consumer)
    scene.run(4)
    for _ in range(4):
        prefer(consumer, 0, 2)
        scene.run(0.7)
        before = len(viewer.pictures)
        scene.run(1)
        assert {picture.spatial for picture in viewer.pictures[before:]} == {0}
        assert len(viewer.pictures) - before >= 24
        prefer(consumer, 2, 2)
        scene.run(5)
    assert viewer.undecodable == 0
