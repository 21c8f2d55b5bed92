"""SSRCs that collide or are claimed by the wrong one (RFC 3550 section 8.2)."""

from __future__ import annotations

import pytest

from miso.worker.errors import CommandError
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.source import Goodbye
from tests.scenarios.camera import Camera
from tests.scenarios.encoding import Encoding
from tests.scenarios.scene import Scene
from tests.scenarios.viewer import Viewer
from tests.worker.rtc.parameters import video_parameters


def test_two_senders_with_the_same_ssrc_do_not_meet(scene: Scene) -> None:
    first, second, receiver = scene.connect(), scene.connect(), scene.connect()
    cameras = [Camera(first, [Encoding(picture_id=100)]), Camera(second, [Encoding(picture_id=9000)])]
    viewers = [Viewer(receiver, scene.consume(receiver, scene.produce(sender))) for sender in (first, second)]
    scene.run(3)
    for camera, viewer in zip(cameras, viewers, strict=True):
        assert viewer.share_in_time(1, camera.frames - 5, 60) == 1
        assert set(viewer.received.values()) == {1}


def test_the_same_ssrc_twice_on_one_transport_is_refused_and_the_first_goes_on(scene: Scene) -> None:
    sender, receiver = scene.connect(), scene.connect()
    camera, viewer = Camera(sender), Viewer(receiver, scene.consume(receiver, scene.produce(sender)))
    scene.run(1)
    with pytest.raises(CommandError, match="ssrc"):
        scene.produce(sender, parameters=video_parameters(mid="other"))
    scene.run(1)
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1


def test_feedback_for_streams_it_does_not_get_moves_nobody(scene: Scene) -> None:
    sender, receiver, liar = scene.connect(), scene.connect(), scene.connect()
    producer = scene.produce(sender)
    camera = Camera(sender)
    consumer = scene.consume(receiver, producer)
    viewer = Viewer(receiver, consumer)
    scene.run(1)
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    before = camera.encodings[0].key_frames
    for _ in range(50):
        liar.send_rtcp(Pli(1, ssrc), Nack(1, ssrc, tuple(range(500))), Goodbye((ssrc,)))
        scene.run(0.02)
    assert camera.encodings[0].key_frames == before
    assert viewer.repaired == 0
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1


def test_a_flood_of_nacks_is_answered_to_its_measure(scene: Scene) -> None:
    sender, honest, greedy = scene.connect(), scene.connect(), scene.connect()
    producer = scene.produce(sender)
    camera = Camera(sender)
    viewer = Viewer(honest, scene.consume(honest, producer))
    flooding = Viewer(greedy, scene.consume(greedy, producer), asks_again=False)

    def flood() -> None:
        newest = flooding.sequence_numbers[-200:]
        greedy.send_rtcp(Nack(1, flooding.ssrc, tuple(newest)))

    scene.run(5, flood)
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1
    assert viewer.repaired == 0
    assert flooding.repaired <= 5 * 2_500  # packets a second, of 200,000 asked for
    assert not camera.encodings[0].asked
