"""SRTP over a network that repeats and loses packets: rollover, replays, forgeries (RFC 3711, RFC 7714)."""

from __future__ import annotations

import itertools

import pytest

from tests.scenarios.camera import Camera
from tests.scenarios.encoding import Encoding
from tests.scenarios.network import Path
from tests.scenarios.protection import PROFILES, SrtpProtection
from tests.scenarios.scene import Scene
from tests.scenarios.viewer import Viewer


@pytest.mark.parametrize("suite", PROFILES)
def test_media_goes_on_over_the_rollover_of_the_sequence_number(scene: Scene, suite: str) -> None:
    sender = scene.connect(Path(seed=1, loss=0.05, delay_ms=20), Path(delay_ms=20), suite=suite)
    receiver = scene.connect(Path(delay_ms=20), Path(seed=2, loss=0.05, delay_ms=20), suite=suite)
    producer = scene.produce(sender)
    camera = Camera(sender, [Encoding(sequence_number=0xFF00)])
    viewer = Viewer(receiver, scene.consume(receiver, producer))
    scene.run(10)
    assert camera.encodings[0].sequence_number < 0xFF00
    assert viewer.share_in_time(30, camera.frames - 30, 300) >= 0.995
    assert isinstance(receiver.protection, SrtpProtection)
    assert receiver.protection.rejected == 0
    assert scene.world.context.plane.counters["srtp_failed"] == 0


def test_replayed_packets_are_dropped_and_counted(scene: Scene) -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    network = Path(seed=3, duplicate=0.2, delay_ms=10)
    sender, receiver = scene.connect(network, suite=suite), scene.connect(suite=suite)
    producer = scene.produce(sender)
    camera, viewer = Camera(sender), Viewer(receiver, scene.consume(receiver, producer))
    scene.run(5)
    assert scene.world.context.plane.counters["srtp_failed"] > 100
    assert set(viewer.received.values()) == {1}
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1
    (stats,) = producer.get_stats()
    assert (stats.packets_lost, stats.packets_repaired) == (0, 0)


def test_forged_packets_change_nothing(scene: Scene) -> None:
    suite = "AEAD_AES_128_GCM"
    sender, receiver = scene.connect(suite=suite), scene.connect(suite=suite)
    camera, viewer = Camera(sender), Viewer(receiver, scene.consume(receiver, scene.produce(sender)))
    forger = SrtpProtection(suite, bytes(28), bytes(28))

    numbers = itertools.count(5000)

    def forge() -> None:
        last = camera.encodings[0].history.get(camera.encodings[0].sequence_number - 1)
        if last is not None:
            ahead = last[:2] + next(numbers).to_bytes(2, "big") + last[4:]
            sender.to_worker.send(forger.protect(ahead, is_rtcp=False), scene.now_us)

    scene.run(3, forge)
    assert scene.world.context.plane.counters["srtp_failed"] > 1000
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1
    assert not camera.encodings[0].asked
