"""Sound and pictures of a live stream while the machine's clock is set: no step in them, and together as before."""

from __future__ import annotations

import itertools

import pytest

from miso.live.bridge.from_room.audio_receiver import AudioReceiver, SoundForm
from miso.live.bridge.from_room.picture_codec import PictureCodec
from miso.live.bridge.from_room.steady_unix import SteadyUnix
from miso.live.bridge.from_room.video_receiver import VideoReceiver
from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet

NOON_S = 1_700_000_000.0
SOUND = b"\xfcxyz"  # 20 ms
SETS = b"\x78\0\5\x67\x42\xc0\x1e\xd9\0\3\x68\xce\x01"
IDR, SLICE = b"\x65\x88\x80\x10", b"\x41\x9a\x02\x05"


class Scene:
    """A person who speaks and is seen, both captured at once; a machine whose clock is set."""

    def __init__(self) -> None:
        self.out: dict[Kind, list[int]] = {Kind.AUDIO: [], Kind.VIDEO: []}
        self.set_by_s = 0.0
        self.at_ms = 0
        self._steady = SteadyUnix(self._unix_s, lambda: self.at_ms / 1_000)
        self._audio = AudioReceiver(SoundForm.OPUS, TranscodingThread(), self._write)
        self._audio.begin_source(0.0)
        self._video = VideoReceiver({102: PictureCodec.H264}, self._write)
        self._sounds = self._pictures = 0

    def go_on(self, until_ms: int, *, speaks: bool = True) -> None:
        while self.at_ms < until_ms:
            now_s, unix_s = self.at_ms / 1_000, self._steady.now_s()
            if self.at_ms % 600 == 0:  # the worker has the same clock
                report_s = self._steady.of(self._unix_s())
                self._audio.report(SenderReport(1, report_s, 48 * self.at_ms))
                self._video.report(SenderReport(2, report_s, 90 * self.at_ms))
            if speaks:
                self._audio.put(RtpPacket(100, self._sounds, 48 * self.at_ms, 1, SOUND), now_s, unix_s)
                self._sounds += 1
            if self.at_ms % 40 == 0:
                payload = SLICE if self._pictures > 1 else (SETS, IDR)[self._pictures]
                self._video.put(RtpPacket(102, self._pictures, 90 * self.at_ms, 2, payload, True), now_s, unix_s)
                self._pictures += 1
            self._audio.due(now_s, unix_s)
            self.at_ms += 20

    def _unix_s(self) -> float:
        return NOON_S + self.set_by_s + self.at_ms / 1_000

    def _write(self, packet: Packet) -> None:
        if not packet.is_config:
            self.out[packet.track.kind].append(packet.dts_ms - round(1_000 * NOON_S))


@pytest.mark.parametrize("set_by_s", [-86_400.0, -300.0, -8.0, -3.0, -0.5, 0.5, 3.0, 8.0, 300.0, 86_400.0])
@pytest.mark.parametrize("speaks", [True, False])
def test_a_clock_that_is_set_is_not_seen_in_a_stream(set_by_s: float, speaks: bool) -> None:
    scene = Scene()
    scene.go_on(3_000)
    scene.go_on(5_000, speaks=speaks)
    scene.set_by_s = set_by_s
    scene.go_on(10_000, speaks=speaks)
    sounds, pictures = scene.out[Kind.AUDIO], scene.out[Kind.VIDEO]
    assert {later - one for one, later in itertools.pairwise(sounds)} == {20}
    assert {later - one for one, later in itertools.pairwise(pictures)} == {40}
    assert sounds[-1] == (9_980 if speaks else 9_460)  # silence is half a second behind
    assert pictures[-1] == 9_960
