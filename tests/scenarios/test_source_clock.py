"""A source whose timestamps go behind, or far ahead, while its sequence numbers go on: a loop, a clock set anew."""

from __future__ import annotations

import itertools

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.consumer import Consumer
from tests.scenarios.camera import Camera
from tests.scenarios.encoding import simulcast_encodings
from tests.scenarios.network import Path
from tests.scenarios.scene import Scene
from tests.scenarios.svc import SvcCamera, SvcViewer
from tests.scenarios.viewer import Viewer

SHIFTS_S = [0, -0.5, -30, -20_000, 5, 20_000]
MODULO = 1 << 32


def steps(timestamps: list[int]) -> list[int]:
    """From each picture to the next, signed."""
    return [
        ((after - before + MODULO // 2) % MODULO) - MODULO // 2
        for before, after in itertools.pairwise(timestamps)
        if after != before
    ]


def set_clock(camera: Camera, shift_s: float) -> None:
    """All of the camera's clocks, each a little different, as streams that begin anew do."""
    for index, encoding in enumerate(camera.encodings):
        encoding.timestamp_offset = (encoding.timestamp_offset + int(shift_s * 90_000) - 1234 * index) % MODULO


def prefer(consumer: Consumer, spatial: int, temporal: int) -> None:
    consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=temporal))


@pytest.mark.parametrize("shift_s", SHIFTS_S)
def test_simulcast_goes_on_in_every_layer(scene: Scene, shift_s: float) -> None:
    paths = [Path(seed=90 + index, delay_ms=20, jitter_ms=4, reorders=True) for index in range(4)]
    camera = Camera(scene.connect(*paths[:2]), simulcast_encodings(), temporal_layers=3)
    receiver = scene.connect(*paths[2:])
    consumer = scene.consume_simulcast(receiver, scene.produce_simulcast(camera._endpoint, camera.encodings))
    viewer = Viewer(receiver, consumer)
    scene.run(4)
    set_clock(camera, shift_s)
    begin_us = scene.now_us
    for spatial, temporal in [(2, 2), (2, 0), (0, 0), (1, 2), (0, 1), (2, 2)]:
        prefer(consumer, spatial, temporal)
        scene.run(0.7)
        before = len(viewer.decoded)
        scene.run(1.5)
        frames = viewer.decoded[before:]
        assert {frame.encoding for frame in frames} == {spatial}
        assert len(frames) / 1.5 == pytest.approx(30 / 4 * 2**temporal, rel=0.2)
        dump = consumer.dump()
        assert (dump.current_spatial_layer, dump.current_temporal_layer) == (spatial, temporal)
    assert viewer.longest_freeze_ms(begin_us - 100_000) <= 300
    decoded = [frame.timestamp for frame in viewer.decoded]
    assert all(0 < step <= 90 * 400 for step in steps(decoded))


@pytest.mark.parametrize("shift_s", SHIFTS_S)
@pytest.mark.parametrize("mode", ["L3T3", "L3T3_KEY"])
def test_svc_goes_on_in_every_layer(scene: Scene, mode: str, shift_s: float) -> None:
    paths = [Path(seed=70 + index, delay_ms=20, jitter_ms=2) for index in range(4)]
    sender, receiver = scene.connect(*paths[:2]), scene.connect(*paths[2:])
    camera = SvcCamera(sender, k_svc=mode.endswith("KEY"))
    consumer = scene.consume_svc(receiver, scene.produce_svc(sender, camera.encodings[0], mode), mode)
    viewer = SvcViewer(receiver, consumer)
    scene.run(3)
    set_clock(camera, shift_s)
    for spatial, temporal in [(2, 2), (0, 0), (2, 1), (1, 2)]:
        prefer(consumer, spatial, temporal)
        scene.run(0.7)
        before = len(viewer.pictures)
        scene.run(1.5)
        seen = viewer.pictures[before:]
        assert {picture.spatial for picture in seen} == {spatial}
        assert len(seen) / 1.5 == pytest.approx(30 / 4 * 2**temporal, rel=0.2)
    assert (viewer.undecodable, viewer.strays) == (0, 0)


@pytest.mark.parametrize("shift_s", SHIFTS_S)
def test_whoever_watches_one_stream_sees_time_go_on(scene: Scene, shift_s: float) -> None:
    camera = Camera(scene.connect())
    receiver = scene.connect()
    viewer = Viewer(receiver, scene.consume(receiver, scene.produce(camera._endpoint)))
    for _ in range(5):
        scene.run(1)
        set_clock(camera, shift_s)
    scene.run(1)
    # 30 ms to 36 ms: a step is as long as time was, by the millisecond in which a packet comes
    assert {round(step / 270) for step in steps(viewer.timestamps)} <= {11, 12}
    assert viewer.plis == 0
    assert viewer.longest_freeze_ms() <= 40
