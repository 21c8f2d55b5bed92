"""Bugs and refused values that one consumer, stream or timer of a room meets: the others get what is theirs."""

from __future__ import annotations

import msgspec
import pytest

from miso.worker.rtcp.feedback import Pli
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from tests.worker.rtc.parameters import VIDEO_SSRC, produce_body, video_parameters
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp

BAD_REMB = bytes.fromhex("8fce0004 00000001 00000000 52454d42 00ffffff")
BAD_SDES = bytes.fromhex("81ca0002 00000001 01026162")
BAD_NACK = bytes.fromhex("81cd0002 00000001 00000457")
BAD_XR = bytes.fromhex("80cf0002 00000001 040000ff")
BAD_PADDING = bytes.fromhex("a0cb0001 000000ff")
DAMAGED = {"REMB": BAD_REMB, "SDES": BAD_SDES, "NACK": BAD_NACK, "XR": BAD_XR, "padding": BAD_PADDING}


def send_video(peer: Peer, *numbers: int) -> None:
    for number in numbers:
        payload = KEY_FRAME if number == 1 else DELTA_FRAME
        peer.send(rtp(number, payload, ssrc=VIDEO_SSRC, payload_type=96))


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_member_of_a_compound_takes_no_other_away(rig: Rig, damaged: str, caplog) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, 2)
    sender.rtcp()
    ssrc = consumer.streams[0].ssrc
    report = ReceiverReport(1, (ReportBlock(ssrc, fraction_lost=77, total_lost=3),)).to_bytes()
    rig.clock.advance(1500)
    sender.rtcp()
    receiver.send(DAMAGED[damaged] + report + DAMAGED[damaged] + Pli(1, ssrc).to_bytes())
    assert [type(packet) for packet in sender.rtcp(Pli)] == [Pli]
    outbound, *_ = consumer.get_stats()
    assert outbound.packets_lost == 3
    assert "bad RTCP packets" in caplog.text


def test_what_stands_before_wrong_lengths_counts(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, 2)
    rig.clock.advance(1500)
    sender.rtcp()
    receiver.send(Pli(1, consumer.streams[0].ssrc).to_bytes() + bytes.fromhex("80c9ffff 00000001"))
    assert [type(packet) for packet in sender.rtcp(Pli)] == [Pli]


TOO_LONG = "\u20ac" * 86  # 258 bytes in 86 characters


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"rtcp": {"cname": "x" * 256}}, "cname has 256 bytes"),
        ({"rtcp": {"cname": TOO_LONG}}, "cname has 258 bytes"),
        ({"rtcp": {"cname": "\ud800"}}, "cname has a surrogate"),
        ({"mid": TOO_LONG}, "mid has 258 bytes"),
        ({"encodings": [{"rid": TOO_LONG}]}, "rid has 258 bytes"),
        ({"codecs": [{"mimeType": "video/VP8", "payloadType": 96, "clockRate": 0}]}, "clockRate"),
        ({"codecs": [{"mimeType": "video/VP8", "payloadType": 96, "clockRate": 4294967295}]}, "clockRate"),
    ],
)
def test_what_no_packet_can_carry_is_refused_with_its_name(changes: dict[str, object], path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=path) as refused:
        produce_body("p", parameters=video_parameters(**changes))
    assert "$.rtpParameters" in str(refused.value)


def test_the_longest_cname_is_reported(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender, parameters=video_parameters(rtcp={"cname": "x" * 255}))
    rig.consume(receiver, producer, rtpParameters={**LONGEST})
    send_video(sender, 1, 2)
    rig.clock.advance(600)
    assert len(receiver.rtcp(SenderReport)) == 1


LONGEST = {
    "codecs": [{"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000}],
    "encodings": [{"ssrc": 7777}],
    "mid": "m" * 255,
    "rtcp": {"cname": "\u20ac" * 85},
}
