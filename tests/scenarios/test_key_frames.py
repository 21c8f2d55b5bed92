"""Key frames: many who want one get one, and nobody can make the sender send nothing else."""

from __future__ import annotations

from miso.worker.rtcp.feedback import Fir, Pli
from tests.scenarios.camera import Camera
from tests.scenarios.network import Path
from tests.scenarios.scene import Scene
from tests.scenarios.viewer import Viewer


def test_thirty_joins_in_a_second_cost_a_few_key_frames(scene: Scene) -> None:
    sender = scene.connect(Path(delay_ms=20), Path(delay_ms=20))
    producer = scene.produce(sender, keyFrameRequestDelay=300)
    camera = Camera(sender)
    scene.run(2)
    before = camera.encodings[0].key_frames
    viewers: list[Viewer] = []
    for _ in range(30):
        receiver = scene.connect()
        viewers.append(Viewer(receiver, scene.consume(receiver, producer)))
        scene.run(0.03)
    scene.run(1)
    assert all(viewer.decoded for viewer in viewers)
    waits_us = [viewer.decoded[0].decoded_us - viewer.began_us for viewer in viewers]
    assert max(waits_us) <= 450_000  # the delay between requests, a round trip, a frame
    assert camera.encodings[0].key_frames - before <= 5


def test_a_viewer_that_floods_with_key_frame_requests_does_not_spoil_the_picture_of_others(scene: Scene) -> None:
    sender, honest, flooding = scene.connect(), scene.connect(), scene.connect()
    producer = scene.produce(sender)
    camera = Camera(sender)
    viewer = Viewer(honest, scene.consume(honest, producer))
    other = scene.consume(flooding, producer)
    ssrc = other.rtp_parameters.encodings[0].ssrc

    def flood() -> None:
        flooding.send_rtcp(Pli(1, ssrc), Fir(1, 0, ((ssrc, scene.now_us // 1000 & 255),)))

    scene.run(10, flood)
    assert camera.encodings[0].key_frames <= 40
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1


def test_a_lost_request_is_repeated(scene: Scene) -> None:
    sender, receiver = scene.connect(), scene.connect()
    producer = scene.produce(sender)
    camera = Camera(sender)
    scene.run(2)
    sender.from_worker.loss = 1.0
    viewer = Viewer(receiver, scene.consume(receiver, producer))
    scene.run(0.5)
    sender.from_worker.loss = 0.0
    scene.run(1.5)
    assert viewer.decoded
    assert camera.encodings[0].key_frames == 2


def test_a_key_frame_that_lost_its_beginning_is_repaired_and_shown(scene: Scene) -> None:
    sender, receiver = scene.connect(Path(delay_ms=20), Path(delay_ms=20)), scene.connect()
    producer = scene.produce(sender)
    camera = Camera(sender)
    scene.run(0.9)
    swallowed: list[bytes] = []

    def swallow(packet: bytes) -> bool:
        begins_key_frame = not 192 <= packet[1] <= 223 and packet[12] == 0x90 and packet[18] == 0x10
        if begins_key_frame and not swallowed:
            swallowed.append(packet)
            return True
        return False

    sender.to_worker.swallows = swallow
    viewer = Viewer(receiver, scene.consume(receiver, producer))
    scene.run(0.3)
    assert swallowed
    assert viewer.decoded
    assert viewer.plis == 0
    assert camera.encodings[0].key_frames == 2
