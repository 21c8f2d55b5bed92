"""Sequence numbers, timestamps and picture ids wrap in the middle of loss and repair."""

from __future__ import annotations

import itertools

import pytest

from tests.scenarios.camera import Camera
from tests.scenarios.encoding import Encoding
from tests.scenarios.network import Path
from tests.scenarios.scene import Scene
from tests.scenarios.viewer import Viewer


@pytest.mark.parametrize("back_s", [1, 3])
def test_sequence_number_and_timestamp_wrap_while_packets_are_lost(scene: Scene, back_s: int) -> None:
    sender = scene.connect(Path(seed=back_s, loss=0.1, delay_ms=15), Path(delay_ms=15))
    receiver = scene.connect(Path(delay_ms=15), Path(seed=9, loss=0.1, delay_ms=15))
    producer = scene.produce(sender)
    encoding = Encoding(sequence_number=0x10000 - 130 * back_s, timestamp_offset=0x100000000 - 90_000 * back_s)
    camera, viewer = Camera(sender, [encoding]), Viewer(receiver, scene.consume(receiver, producer))
    scene.run(back_s + 5)
    assert encoding.sequence_number < 0x8000
    assert viewer.share_in_time(30, camera.frames - 30, 400) >= 0.995
    numbers = [frame.number for frame in viewer.decoded]
    assert numbers == sorted(numbers)
    steps = {(later - earlier) & 0xFFFFFFFF for earlier, later in itertools.pairwise(viewer.timestamps)}
    assert max(min(step, 0x100000000 - step) for step in steps) < 90_000
    (stats,) = producer.get_stats()
    assert stats.packet_count < encoding.packets * 1.01
