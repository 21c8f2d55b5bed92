"""Loss on the way to the worker and from it: NACK and RTX repair it in time, and no more than needed."""

from __future__ import annotations

import pytest

from tests.scenarios.camera import Camera
from tests.scenarios.network import Path
from tests.scenarios.scene import Scene
from tests.scenarios.viewer import Viewer

IN_TIME_MS = 300


@pytest.mark.parametrize(("seed", "delay_ms"), [(1, 25), (2, 25), (3, 20), (4, 10)])
def test_5_percent_loss_both_ways_at_50_ms_is_repaired_in_time(scene: Scene, seed: int, delay_ms: float) -> None:
    paths = [Path(seed=seed * 10 + index, loss=0.05, delay_ms=delay_ms, jitter_ms=2) for index in range(4)]
    sender, receiver = scene.connect(*paths[:2]), scene.connect(*paths[2:])
    producer = scene.produce(sender)
    camera, viewer = Camera(sender), Viewer(receiver, scene.consume(receiver, producer))
    scene.run(2)  # the round-trip times are known from the first reports on
    early, early_plis = dict(viewer.received), viewer.plis
    scene.run(58)
    assert all(path.lost for path in paths)
    assert viewer.share_in_time(30, camera.frames - 30, IN_TIME_MS) >= 0.995
    needless = sum(count - max(1, early.get(number, 0)) for number, count in viewer.received.items())
    assert needless <= viewer.repaired * 0.01
    asked = sum(camera.encodings[0].asked.values())
    assert asked <= paths[0].lost / 0.95**2 * 1.1  # as often as a lost request or repair makes it necessary
    assert viewer.plis <= early_plis + 1  # a picture in a hundred thousand misses five repairs in a row


def test_reordered_and_repeated_packets_cost_nothing(scene: Scene) -> None:
    sender = scene.connect(Path(seed=4, duplicate=0.1, delay_ms=10, jitter_ms=8, reorders=True))
    receiver = scene.connect(back=Path(seed=5, duplicate=0.1, delay_ms=10, jitter_ms=8, reorders=True))
    producer = scene.produce(sender)
    camera, viewer = Camera(sender), Viewer(receiver, scene.consume(receiver, producer))
    scene.run(20)
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1
    (stats,) = producer.get_stats()
    assert (stats.packets_lost, stats.score) == (0, 10)
    assert viewer.plis == 0


def test_a_burst_of_loss_ends_with_a_key_frame(scene: Scene) -> None:
    sender, receiver = scene.connect(Path(delay_ms=20), Path(delay_ms=20)), scene.connect()
    producer = scene.produce(sender)
    Camera(sender)
    viewer = Viewer(receiver, scene.consume(receiver, producer))
    scene.run(3)
    sender.to_worker.loss = 1.0
    scene.run(4)
    sender.to_worker.loss = 0.0
    back_us = scene.now_us
    scene.run(2)
    assert min(f.decoded_us for f in viewer.decoded if f.decoded_us >= back_us) - back_us <= 300_000
    assert viewer.longest_freeze_ms(back_us + 300_000) <= 70
