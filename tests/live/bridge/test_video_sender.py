"""Which RTP packets a live stream's pictures become, and when those since the last key frame are sent again."""

from __future__ import annotations

import pytest

from miso.live.bridge.rtp.rtp_packet import read_rtp
from miso.live.bridge.rtp.sent_stream import SentStream
from miso.live.bridge.to_room.b_frames import BFrames
from miso.live.bridge.to_room.send_queue import BURST_BYTES, MAX_WAITING_BYTES, RATE_BYTES_PER_S, SendQueue
from miso.live.bridge.to_room.video_sender import MAX_KEPT_BYTES, RATE_HZ, VideoSender
from miso.live.errors import RefusedError
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.nal_units import join_nal_units
from miso.live.media.packet import Packet
from tests.live.clock import FakeClock
from tests.live.media import records

VIDEO = TrackId(Kind.VIDEO)
IDR, SLICE, B_SLICE, NEEDED_B_SLICE = b"\x65\x88\x80\x10", b"\x41\x9a\x02\x05", b"\x01\x9e\x02\x05", b"\x41\x9e\x02\x05"
CONFIG = Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True)


def picture(dts_ms: int, unit: bytes = SLICE) -> Packet:
    return Packet(VIDEO, Codec.H264, dts_ms, join_nal_units([unit]), is_key=unit[0] & 31 == 5)


def sender(b_frames: BFrames = BFrames.DROP) -> VideoSender:
    made = VideoSender(SentStream(102, RATE_HZ, "live"), b_frames)
    made.remember(CONFIG)
    return made


def times(packets: list[bytes]) -> list[int]:
    return list(dict.fromkeys(read_rtp(packet).timestamp for packet in packets))


def test_what_is_sent_again_is_numbered_on_and_lies_between_the_times() -> None:
    video = sender()
    before = [*video.send(picture(0, IDR), 0.0), *video.send(picture(40), 0.04), *video.send(picture(80), 0.08)]
    video.key_frame_wanted()
    again = video.repeat(1.0)
    after = video.send(picture(120), 1.1)
    sent = [read_rtp(packet) for packet in before + again + after]
    numbers = [(packet.sequence_number - sent[0].sequence_number) & 0xFFFF for packet in sent]
    assert numbers == list(range(len(sent)))
    relative = [(packet.timestamp - sent[0].timestamp) & 0xFFFFFFFF for packet in sent]
    assert relative == sorted(relative)
    assert relative[-1] == 120 * 90
    assert [read_rtp(packet).payload for packet in again] == [read_rtp(packet).payload for packet in before]
    assert len(times(again)) == 3
    assert video.repeat(1.2) == []


def test_what_came_before_is_sent_only_when_it_is_wanted() -> None:
    video = sender()
    video.remember(picture(0, IDR))
    video.remember(picture(40))
    assert video.repeat(0.0) == []
    video.key_frame_wanted()
    assert len(times(video.repeat(0.0))) == 2


def test_a_key_frame_that_has_just_been_sent_is_not_sent_again_at_once() -> None:
    video = sender()
    video.send(picture(0, IDR), 5.0)
    video.key_frame_wanted()
    assert video.repeat(5.05) == []
    assert video.repeat(5.2)


def test_a_viewer_who_asks_all_the_time_gets_a_few() -> None:
    video = sender()
    video.send(picture(0, IDR), 0.0)
    for step in range(1_000):
        video.key_frame_wanted()
        video.repeat(1 + step / 100)
    assert 3 <= video.repeats <= 8


def test_wishes_that_come_too_often_are_granted_later() -> None:
    video = sender()
    video.send(picture(0, IDR), 0.0)
    for now_s in (1.0, 1.2, 1.4):
        video.key_frame_wanted()
        assert video.repeat(now_s)
    video.key_frame_wanted()
    assert video.repeat(1.6) == []
    assert video.repeat(4.0)


def test_a_key_frame_of_the_encoder_grants_the_wish() -> None:
    video = sender()
    video.key_frame_wanted()
    assert video.repeat(1.0) == []
    assert video.send(picture(0, IDR), 2.0)
    assert video.repeat(9.0) == []


def test_what_is_kept_is_bounded() -> None:
    video = sender()
    video.send(picture(0, IDR), 0.0)
    for index in range(1 + MAX_KEPT_BYTES // 1_000_000):
        video.send(picture(40 * (1 + index), SLICE + bytes(1_000_000)), 0.0)
    video.key_frame_wanted()
    assert video.repeat(5.0) == []
    video.send(picture(9_000, IDR), 6.0)
    video.key_frame_wanted()
    assert len(times(video.repeat(7.0))) == 1


def test_nobody_begins_with_pictures_of_another_configuration() -> None:
    video = sender()
    video.send(picture(0, IDR), 0.0)
    video.remember(CONFIG)
    video.key_frame_wanted()
    assert video.repeat(5.0) == []


def test_b_frames_are_left_out_or_refused() -> None:
    video = sender()
    assert video.send(picture(0, IDR), 0.0)
    assert video.send(picture(40, B_SLICE), 0.0) == []
    assert video.dropped_b_frames == 1
    with pytest.raises(RefusedError, match="other frames need"):
        video.send(picture(80, NEEDED_B_SLICE), 0.0)
    with pytest.raises(RefusedError, match="set to refuse"):
        sender(BFrames.REFUSE).send(picture(40, B_SLICE), 0.0)


def test_a_burst_goes_at_once_and_the_rest_at_a_bounded_rate() -> None:
    clock = FakeClock()
    sent: list[bytes] = []
    queue = SendQueue(clock, sent.append)
    packets = [bytes((index & 255,)) + bytes(1_199) for index in range(1_000)]
    assert queue.put(packets)
    assert BURST_BYTES <= 1_200 * len(sent) <= BURST_BYTES + 1_200
    clock.advance(0.1)
    assert 1_200 * len(sent) == pytest.approx(BURST_BYTES + 0.1 * RATE_BYTES_PER_S, abs=30_000)
    clock.advance(1)
    assert sent == packets
    assert queue.put([b"x"])
    assert sent[-1] == b"x"


def test_what_waits_is_bounded_and_closing_sends_nothing_more() -> None:
    clock = FakeClock()
    sent: list[bytes] = []
    queue = SendQueue(clock, sent.append)
    assert queue.put([bytes(1_000_000)])
    assert not queue.put([bytes(1_000_000)] * (1 + MAX_WAITING_BYTES // 1_000_000))
    assert queue.dropped == 1 + MAX_WAITING_BYTES // 1_000_000
    clock.advance(10)
    queue.put([bytes(1_000_000)] * 3)
    count = len(sent)
    queue.close()
    clock.advance(10)
    assert len(sent) == count
