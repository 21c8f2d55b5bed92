"""An ICE restart in the middle of media, onto another address."""

from __future__ import annotations

import socket

from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from tests.scenarios.camera import Camera
from tests.scenarios.scene import Scene
from tests.scenarios.viewer import Viewer


def test_media_goes_on_over_an_ice_restart_and_from_another_address(scene: Scene) -> None:
    sender, sending_peer = scene.connect_webrtc()
    receiver, receiving_peer = scene.connect_webrtc()
    producer = scene.produce(sender)
    camera, viewer = Camera(sender), Viewer(receiver, scene.consume(receiver, producer))
    scene.run(2)
    for endpoint, peer in ((sender, sending_peer), (receiver, receiving_peer)):
        transport = endpoint.transport
        assert isinstance(transport, WebRtcTransport)
        old_ufrag = peer.local_ufrag
        transport.restart_ice()
        scene.run(1)  # the old path serves until the new one is nominated
        peer.adopt(transport.dump())
        assert peer.local_ufrag != old_ufrag
        peer.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.socket.connect(peer.remote)
        peer.check()
        scene.world.pump()
        assert transport.dump().ice_selected_tuple is not None
        endpoint.socket.close()
        endpoint.move(peer.socket, peer.remote)
        scene.run(1)
        tuple_ = transport.dump().ice_selected_tuple
        assert tuple_ is not None
        assert tuple_.remote_port == peer.socket.getsockname()[1]
    assert viewer.share_in_time(1, camera.frames - 5, 60) == 1
    assert viewer.longest_freeze_ms() <= 70
    assert camera.encodings[0].key_frames == 1
