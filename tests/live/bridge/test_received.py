"""Sound and pictures out of RTP that pauses, leaps, pads and repeats: without router and sockets, by a clock told."""

from __future__ import annotations

import itertools

import pytest

from miso.live.bridge.from_room.audio_receiver import AudioReceiver, SoundForm
from miso.live.bridge.from_room.opus_silence import SILENCE, duration_ms
from miso.live.bridge.from_room.picture_codec import PictureCodec
from miso.live.bridge.from_room.received_stream import MAX_OFF_MS, ReceivedStream
from miso.live.bridge.from_room.video_receiver import VideoReceiver
from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.media.packet import Packet

NOON_S = 1_700_000_000.0
SOUND = b"\xfcxyz"  # 20 ms
SPS, PPS, IDR, SLICE = b"\x67\x42\xc0\x1e\xd9", b"\x68\xce\x01", b"\x65\x88\x80\x10", b"\x41\x9a\x02\x05"
SETS = b"\x78" + b"\0\5" + SPS + b"\0\3" + PPS


class Microphone:
    """Opus as it passes through. ``number`` counts packets, 20 ms each."""

    def __init__(self) -> None:
        self.out: list[Packet] = []
        self.receiver = AudioReceiver(SoundForm.OPUS, TranscodingThread(), self.out.append)
        self.receiver.begin_source(0.0)
        self.receiver.report(SenderReport(1, NOON_S, 0))
        self.sent = 0

    def say(self, at_ms: int, payload: bytes = SOUND) -> None:
        packet = RtpPacket(100, self.sent & 0xFFFF, 48 * at_ms & 0xFFFFFFFF, 1, payload)
        self.sent += 1
        self.receiver.put(packet, at_ms / 1_000, NOON_S + at_ms / 1_000)

    def wait(self, until_ms: int) -> None:
        self.receiver.due(until_ms / 1_000, NOON_S + until_ms / 1_000)

    @property
    def heard(self) -> list[tuple[int, bool]]:
        """When, from noon on, and whether it is silence."""
        return [
            (packet.dts_ms - round(1_000 * NOON_S), packet.payload == SILENCE)
            for packet in self.out
            if not packet.is_config
        ]


def test_opus_that_pauses_for_dtx_goes_on_with_silence_between() -> None:
    microphone = Microphone()
    for at_ms in (0, 20, 40, 440, 840, 860):  # comfort noise comes every 400 ms
        microphone.say(at_ms)
    heard = microphone.heard
    assert [at_ms for at_ms, _ in heard] == list(range(0, 880, 20))
    assert [at_ms for at_ms, is_silence in heard if not is_silence] == [0, 20, 40, 440, 840, 860]


def test_a_microphone_that_is_switched_off_is_silence_in_opus_too_and_what_comes_late_is_left_out() -> None:
    microphone = Microphone()
    microphone.say(0)
    for until_ms in range(100, 5_000, 100):
        microphone.wait(until_ms)
    heard = microphone.heard
    assert heard[-1] == (4_380, True)  # half a second behind
    assert {later - one for (one, _), (later, _) in itertools.pairwise(heard)} == {20}
    packet = RtpPacket(100, 1, 48 * 3_000, 1, SOUND)
    microphone.receiver.put(packet, 5.0, NOON_S + 5)
    assert microphone.heard == heard
    microphone.sent = 2
    microphone.say(5_020)
    assert microphone.heard[-1] == (5_020, False)
    assert {later - one for (one, _), (later, _) in itertools.pairwise(microphone.heard)} == {20}


def test_who_was_away_for_long_is_not_given_all_the_silence() -> None:
    microphone = Microphone()
    microphone.say(0)
    microphone.say(9_000)
    assert microphone.heard == [(0, False), (9_000, False)]


@pytest.mark.parametrize(
    ("payload", "expected_ms"),
    [
        (b"\xfc\xff\xfe", 20),
        (b"\x00", 10),
        (b"\x18x", 60),
        (b"\x80x", 2.5),
        (b"\xf9xx", 40),
        (b"\xfb\x03", 60),
        (b"\xfb", 0),
        (b"", 0),
    ],
)
def test_packets_of_opus_say_how_long_they_are_heard(payload: bytes, expected_ms: float) -> None:
    assert duration_ms(payload) == expected_ms


class Camera:
    """H.264, 25 pictures a second."""

    def __init__(self) -> None:
        self.out: list[Packet] = []
        self.receiver = VideoReceiver({102: PictureCodec.H264}, self.out.append)
        self.receiver.report(SenderReport(1, NOON_S, 0))
        self.sent = 0

    def show(self, at_ms: int, *payloads: bytes, timestamp: int | None = None, payload_type: int = 102) -> None:
        at = 90 * at_ms if timestamp is None else timestamp
        for index, payload in enumerate(payloads):
            is_last = index == len(payloads) - 1
            packet = RtpPacket(payload_type, self.sent & 0xFFFF, at & 0xFFFFFFFF, 1, payload, is_last)
            self.sent += 1
            self.receiver.put(packet, at_ms / 1_000, NOON_S + at_ms / 1_000)

    @property
    def seen_ms(self) -> list[int]:
        return [packet.dts_ms - round(1_000 * NOON_S) for packet in self.out if not packet.is_config]


def test_packets_of_padding_alone_are_nothing_wherever_they_come() -> None:
    camera = Camera()
    camera.show(0, SETS, b"", b"\x7c\x85\x88", b"", b"\x7c\x45\x80\x10")
    camera.show(40, b"")
    camera.show(40, SLICE)
    camera.show(80, b"", SLICE)
    assert camera.seen_ms == [0, 40, 80]
    assert (camera.receiver.broken, camera.receiver.lost) == (0, 0)


def test_payloads_of_a_type_that_nobody_negotiated_are_counted_and_cost_nothing() -> None:
    camera = Camera()
    camera.show(0, SETS, IDR)
    camera.show(40, b"\x01\x02", payload_type=13)
    camera.show(80, SLICE)
    assert camera.seen_ms == [0, 80]
    assert camera.receiver.broken == 1


@pytest.mark.parametrize("leap", [1 << 31, (1 << 31) - 1, 1 << 30, 90 * 20_000, -90 * 20_000, -(1 << 30)])
def test_timestamps_that_leap_lead_nobody_away_from_the_time_at_which_they_come(leap: int) -> None:
    camera = Camera()
    camera.show(0, SETS, IDR)
    for index in range(1, 200):
        camera.show(40 * index, SLICE, timestamp=90 * 40 * index + (index // 10) * leap)
    late_ms = [seen - 40 * index for index, seen in enumerate(camera.seen_ms)]
    assert len(late_ms) == 200
    assert max(map(abs, late_ms)) <= MAX_OFF_MS


def test_a_report_of_another_day_is_not_believed() -> None:
    stream = ReceivedStream(90_000)
    stream.report(SenderReport(1, NOON_S - 86_400, 0))
    (timed,) = stream.put(RtpPacket(96, 0, 0, 1, b"x"), 0.0, NOON_S)
    assert timed.time_ms == round(1_000 * NOON_S)
