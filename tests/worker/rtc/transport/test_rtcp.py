"""Reports that a transport sends by itself, and what it does with those it gets."""

from __future__ import annotations

import itertools

import pytest

from miso.worker.channel.bodies.router import CreateDirectTransportRequest
from miso.worker.channel.bodies.transport import SetBitrateRequest
from miso.worker.errors import BodyError
from miso.worker.rtc.transport.direct_transport import DirectTransport
from miso.worker.rtcp.compound import parse_compound
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Nack, Remb
from miso.worker.rtcp.ntp import compact_ntp
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtcp.source import SourceDescription
from miso.worker.rtcp.transport_wide import TransportWideFeedback
from tests.worker.rtc.parameters import (
    ABS_SEND_TIME_URI,
    AUDIO_SSRC,
    MID_URI,
    TRANSPORT_WIDE_CC_URI,
    VIDEO_FEEDBACK,
    VIDEO_RTX_SSRC,
    VIDEO_SSRC,
    audio_parameters,
    consume_body,
    video_parameters,
)
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtc.world import START_NTP
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp


def send_video(peer: Peer, *numbers: int, key: bool = False, **options: object) -> None:
    payload = KEY_FRAME if key else DELTA_FRAME
    peer.send(*(rtp(number, payload, ssrc=VIDEO_SSRC, payload_type=96) for number in numbers))


def test_sender_report_names_what_was_sent_and_by_whom(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    send_video(sender, 2)
    sent = receiver.rtp()
    rig.clock.advance(600)
    packets = receiver.rtcp()
    assert [type(packet) for packet in packets] == [SenderReport, SourceDescription]
    report, description = packets
    assert (report.ssrc, report.packet_count) == (consumer.streams[0].ssrc, 2)
    assert report.ntp == START_NTP + (500 << 32) // 1000
    assert (report.rtp_timestamp - sent[-1].timestamp) & 0xFFFFFFFF == pytest.approx(45000, abs=90)
    assert description.chunks == ((consumer.streams[0].ssrc, "router"),)


def test_video_is_reported_every_second_and_audio_every_five(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender)
    rig.produce(sender, kind="audio")
    send_video(sender, 1, key=True)
    sender.send(rtp(1, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    rig.clock.advance(20_000)
    blocks = [block.ssrc for report in sender.rtcp(ReceiverReport) for block in report.blocks]
    assert 13 <= blocks.count(VIDEO_SSRC) <= 20
    assert 4 <= blocks.count(AUDIO_SSRC) <= 5


def test_intervals_of_reports_vary_by_a_sixth_below_what_they_are_for(rig: Rig) -> None:
    """5 s for audio: so long divided by 1.15 at least, and what the timer adds at most."""
    sender = rig.connect()
    rig.produce(sender, kind="audio")
    sender.send(rtp(1, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    times = []
    for step in range(6000):
        rig.clock.advance(100)
        if sender.rtcp(ReceiverReport):
            times.append(step / 10)
    intervals = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(intervals) == pytest.approx(5 / 1.15, abs=0.25)
    assert max(intervals) <= 5 / 1.15 + 1.5 + 0.1


def test_a_receiver_that_asked_for_too_much_is_answered_again_a_second_later(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    ssrc = consumer.streams[0].ssrc
    send_video(sender, 1, key=True)
    number = receiver.rtp()[0].sequence_number
    for _ in range(30):  # 100 numbers that never were, each
        receiver.send_rtcp(Nack(1, ssrc, tuple(range(number + 1000, number + 1100))))
    receiver.send_rtcp(Nack(1, ssrc, (number,)))
    assert receiver.rtp() == []
    rig.clock.advance(1000)
    receiver.send_rtcp(Nack(1, ssrc, (number,)))
    assert len(receiver.rtp()) == 1


def test_a_consumer_that_closes_leaves_neither_its_ssrc_nor_that_of_its_repairs(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumer, stays = rig.consume(receiver, producer), rig.consume(receiver, producer)
    consumer.close()
    dump = receiver.transport.dump()
    assert dump.map_ssrc_consumer_id == {str(stays.streams[0].ssrc): stays.id}
    assert dump.map_rtx_ssrc_consumer_id == {str(stays.streams[0].rtx_ssrc): stays.id}


def test_receiver_report_tells_loss_and_echoes_the_sender_report(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender)
    send_video(sender, 1, key=True)
    send_video(sender, 2, 3, 5)
    sender.send_rtcp(SenderReport(VIDEO_SSRC, 0x1234_5678_9ABC_DEF0, 1, 4, 400))
    rig.clock.advance(500)
    packets = sender.rtcp(ReceiverReport, ExtendedReport)
    [block] = packets[0].blocks
    assert (block.ssrc, block.total_lost, block.highest_sequence) == (VIDEO_SSRC, 1, 5)
    assert block.fraction_lost == 256 // 5
    assert (block.last_sr, block.delay_since_last_sr) == (0x5678_9ABC, 65536 // 2)
    assert packets[1].reference_ntp == START_NTP + (500 << 32) // 1000


def test_retransmissions_are_reported_once_there_are_any(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender)
    send_video(sender, 1, key=True)
    rig.clock.advance(600)
    assert [block.ssrc for report in sender.rtcp(ReceiverReport) for block in report.blocks] == [VIDEO_SSRC]
    sender.send(rtp(9, b"\0\1" + DELTA_FRAME, ssrc=VIDEO_RTX_SSRC, payload_type=97))
    rig.clock.advance(1500)
    assert VIDEO_RTX_SSRC in [block.ssrc for report in sender.rtcp(ReceiverReport) for block in report.blocks]


def test_receivers_report_makes_round_trip_loss_and_score(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    send_video(sender, *range(2, 11))
    rig.clock.advance(500)
    [report] = receiver.rtcp(SenderReport)
    rig.clock.advance(300)
    delay = 65536 // 10
    block = ReportBlock(consumer.streams[0].ssrc, 51, 2, 10, 0, compact_ntp(report.ntp), delay)
    receiver.send_rtcp(ReceiverReport(1, (block,)))
    stats = consumer.get_stats()[0]
    assert stats.round_trip_time == pytest.approx(200, abs=1)
    assert (stats.packets_lost, stats.fraction_lost) == (2, 51)
    assert stats.score == 4
    assert rig.notifier.take(consumer.id, "score")[-1] == {"score": 4, "producerScore": 10, "producerScores": [10]}


def test_senders_echo_makes_the_producers_round_trip(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    send_video(sender, 1, key=True)
    rig.clock.advance(500)
    [reference] = sender.rtcp(ExtendedReport)
    rig.clock.advance(80)
    echo = DelaySinceLastRr(VIDEO_SSRC, compact_ntp(reference.reference_ntp), 65536 // 50)
    sender.send_rtcp(ExtendedReport(VIDEO_SSRC, None, (echo,)))
    assert producer.get_stats()[0].round_trip_time == pytest.approx(60, abs=1)


def test_receivers_reference_time_is_echoed_with_the_next_report(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    receiver.send_rtcp(ReceiverReport(1), ExtendedReport(1, 0xAAAA_BBBB_CCCC_DDDD))
    rig.clock.advance(500)
    [report] = receiver.rtcp(ExtendedReport)
    assert report.delays == (DelaySinceLastRr(consumer.streams[0].ssrc, 0xBBBB_CCCC, 65536 // 2),)


def test_senders_loss_lowers_the_producers_score(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender, kind="audio")
    consumer = rig.consume(receiver, producer)
    for number in (*range(10), *range(15, 20)):
        sender.send(rtp(number, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    rig.notifier.events.clear()
    sender.send_rtcp(SenderReport(AUDIO_SSRC, 1 << 40, 1, 15, 15))
    [[entry]] = rig.notifier.take(producer.id, "score")
    assert entry == {"encodingIdx": 0, "ssrc": AUDIO_SSRC, "score": 2}
    assert rig.notifier.take(consumer.id, "score") == [{"score": 10, "producerScore": 2, "producerScores": [2]}]
    assert producer.get_stats()[0].score == 2


def test_a_flood_of_reports_makes_no_flood_of_scores(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    for number in range(1, 200):
        send_video(sender, number, key=True)
        receiver.send_rtcp(ReceiverReport(1, (ReportBlock(consumer.streams[0].ssrc, 255, number),)))
        rig.clock.advance(1)
    assert len(rig.notifier.take(consumer.id, "score")) <= 4


def test_worst_loss_of_the_receivers_is_told_to_a_sender_with_inband_fec(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    codec = {**audio_parameters()["codecs"][0], "parameters": {"useinbandfec": 1}}
    consumer = rig.consume(receiver, rig.produce(sender, kind="audio", parameters=audio_parameters(codecs=[codec])))
    for number in range(10):
        sender.send(rtp(number, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    receiver.send_rtcp(ReceiverReport(1, (ReportBlock(consumer.streams[0].ssrc, 77, 3),)))
    rig.clock.advance(500)
    [report] = sender.rtcp(ReceiverReport)
    assert report.blocks[0].fraction_lost == 77


@pytest.mark.parametrize(
    "data", [b"\x81\xc9\x00\x07" + bytes(8), b"\x80\xc8\x00\x01" + bytes(4), b"\x8f\xca\x00\x01" + bytes(4)]
)
def test_malformed_rtcp_harms_nobody(rig: Rig, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sender, receiver = rig.connect(), rig.connect()
    rig.consume(receiver, rig.produce(sender))
    for _ in range(100):
        receiver.send(data)
    assert len([record for record in caplog.records if "bad RTCP" in record.message]) == 1
    send_video(sender, 1, key=True)
    assert len(receiver.rtp()) == 1


def test_many_consumers_share_compounds_within_the_size_limit(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumers = [rig.consume(receiver, producer) for _ in range(80)]
    send_video(sender, 1, key=True)
    rig.clock.advance(500)
    assert {report.ssrc for report in receiver.rtcp(SenderReport)} == {
        consumer.streams[0].ssrc for consumer in consumers
    }


def test_who_has_closed_is_not_reported_on_and_others_are(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    first, closed, last = (rig.consume(receiver, producer) for _ in range(3))
    other = rig.produce(sender, kind="audio")
    send_video(sender, 1, key=True)
    sender.send(rtp(1, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    closed.close()
    other.close()
    rig.clock.advance(600)
    assert [report.ssrc for report in receiver.rtcp(SenderReport)] == [first.streams[0].ssrc, last.streams[0].ssrc]
    [report] = sender.rtcp(ReceiverReport)
    assert [block.ssrc for block in report.blocks] == [VIDEO_SSRC]


def test_reports_of_a_direct_transport_are_given_to_the_application(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    body = CreateDirectTransportRequest(transport_id="direct", max_message_size=1000)
    direct = DirectTransport(rig.context, rig.tables, "direct", body)
    direct.consume(consume_body("consumer", producer, ssrc=77))
    send_video(sender, 1, key=True)
    rig.clock.advance(600)
    [packet] = [payload for target, event, payload in rig.notifier.payloads if (target, event) == ("direct", "rtcp")]
    report, names = parse_compound(packet)
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packet_count) == (77, 1)
    assert names == SourceDescription(((77, "router"),))


def test_an_idle_worker_does_not_wake_up(rig: Rig) -> None:
    sender = rig.connect()
    assert rig.clock.waiting == 0
    producer = rig.produce(sender)
    assert rig.clock.waiting == 1
    producer.close()
    assert rig.clock.waiting == 0


def transport_wide(ids: dict[str, int]) -> dict[str, object]:
    extensions = [{"uri": uri, "id": id_} for uri, id_ in {MID_URI: 4, **ids}.items()]
    return video_parameters(headerExtensions=extensions)


def test_arrivals_are_told_to_a_sender_with_transport_wide_feedback(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender, parameters=transport_wide({TRANSPORT_WIDE_CC_URI: 5, ABS_SEND_TIME_URI: 3}))
    for number in (1, 2, 4):
        extensions = {5: number.to_bytes(2, "big")}
        sender.send(rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96, extensions=extensions))
    rig.clock.advance(210)
    feedback = sender.rtcp(TransportWideFeedback, Remb)
    assert [type(packet) for packet in feedback] == [TransportWideFeedback]
    assert feedback[0].media_ssrc == VIDEO_SSRC


def test_loss_on_the_way_to_us_is_shown_with_the_latest_weighing_most(rig: Rig) -> None:
    sender = rig.connect()
    stats = sender.transport.get_stats
    assert stats()[0].rtp_packet_loss_received is None
    rig.produce(sender, parameters=video_parameters(headerExtensions=[{"uri": TRANSPORT_WIDE_CC_URI, "id": 5}]))
    assert stats()[0].rtp_packet_loss_received == 0.0
    for numbers in ((1, 2, 3, 4), (5, 8)):
        for number in numbers:
            extensions = {5: number.to_bytes(2, "big")}
            sender.send(rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96, extensions=extensions))
        rig.clock.advance(110)
    assert stats()[0].rtp_packet_loss_received == pytest.approx(2 / 3 * 0.5)


def test_incoming_limit_is_told_by_remb_beside_transport_wide_feedback_and_lifted(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender, parameters=transport_wide({TRANSPORT_WIDE_CC_URI: 5}))
    sender.transport.set_max_incoming_bitrate(SetBitrateRequest(bitrate=500_000))
    rig.clock.advance(3500)
    rembs = [remb.bitrate_bps for remb in sender.rtcp(Remb)]
    assert len(rembs) in (2, 3)
    assert rembs[0] == pytest.approx(500_000, rel=0.01)
    assert sender.transport.get_stats()[0].max_incoming_bitrate == 500_000
    sender.transport.set_max_incoming_bitrate(SetBitrateRequest(bitrate=0))
    rig.clock.advance(20_000)
    assert [remb.bitrate_bps for remb in sender.rtcp(Remb)] == [0] * 4
    assert sender.transport.get_stats()[0].max_incoming_bitrate is None


def send_for(rig: Rig, sender: Peer, numbers: range) -> None:
    """A packet with abs-send-time each 10 ms."""
    for number in numbers:
        stamp = ((number * 10 * (1 << 18) // 1000) & 0xFFFFFF).to_bytes(3, "big")
        sender.send(rtp(number, KEY_FRAME + bytes(800), ssrc=VIDEO_SSRC, payload_type=96, extensions={3: stamp}))
        rig.clock.advance(10)


def test_estimate_is_told_by_remb_to_a_sender_without_transport_wide_feedback_and_capped(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender, parameters=transport_wide({ABS_SEND_TIME_URI: 3}))
    sender.transport.set_max_incoming_bitrate(SetBitrateRequest(bitrate=100_000))
    send_for(rig, sender, range(1, 300))
    rembs = sender.rtcp(Remb)
    assert rembs
    assert all(remb.bitrate_bps <= 100_000 and remb.ssrcs == (VIDEO_SSRC,) for remb in rembs)
    assert (sender.transport.get_stats()[0].available_incoming_bitrate or 0) > 100_000
    sender.transport.set_max_incoming_bitrate(SetBitrateRequest(bitrate=0))
    send_for(rig, sender, range(300, 800))
    rembs = sender.rtcp(Remb)
    assert rembs
    assert all(remb.bitrate_bps > 100_000 for remb in rembs)  # 0 would mean that there is no estimate either


def test_no_feedback_without_the_negotiated_codec_feedback(rig: Rig) -> None:
    sender = rig.connect()
    parameters = transport_wide({TRANSPORT_WIDE_CC_URI: 5, ABS_SEND_TIME_URI: 3})
    codecs = [{**codec, "rtcpFeedback": VIDEO_FEEDBACK[:2]} for codec in parameters["codecs"]]  # type: ignore[attr-defined]
    rig.produce(sender, parameters={**parameters, "codecs": codecs})
    extensions = {5: b"\0\1"}
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96, extensions=extensions))
    rig.clock.advance(1000)
    assert sender.rtcp(TransportWideFeedback, Remb) == []


def test_outgoing_limits_must_not_cross(rig: Rig) -> None:
    transport = rig.connect().transport
    with pytest.raises(BodyError):
        transport.set_max_outgoing_bitrate(SetBitrateRequest(bitrate=29_999))
    transport.set_max_outgoing_bitrate(SetBitrateRequest(bitrate=100_000))
    with pytest.raises(BodyError):
        transport.set_min_outgoing_bitrate(SetBitrateRequest(bitrate=100_001))
    transport.set_min_outgoing_bitrate(SetBitrateRequest(bitrate=50_000))
    with pytest.raises(BodyError):
        transport.set_max_outgoing_bitrate(SetBitrateRequest(bitrate=49_999))
    transport.set_max_outgoing_bitrate(SetBitrateRequest(bitrate=0))
    transport.set_min_outgoing_bitrate(SetBitrateRequest(bitrate=200_000))
