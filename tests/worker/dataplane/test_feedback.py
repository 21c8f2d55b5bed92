"""What a receiver's RTCP does to the streams that are sent to it, and what control hears of that."""

from __future__ import annotations

import gc

import pytest

from miso.worker.bwe.transport_feedback import TransportFeedback
from miso.worker.dataplane import (
    DelayReported,
    EstimateChanged,
    FeedbackTraced,
    KeyFrameAsked,
    OutgoingEstimate,
    ReferenceTimeReported,
    RembReceived,
    RtcpArrived,
    RtcpMalformed,
    ScoreChanged,
    SenderReported,
)
from miso.worker.rtcp.compound import build_compound
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from tests.worker.dataplane.allocations import counted
from tests.worker.dataplane.rig import (
    KEY_FRAME,
    RTX_SSRC,
    SSRC,
    TRANSPORT_WIDE_CC_ID,
    Consumer,
    Rig,
    address_of,
    make_output,
    now_us,
    rtp,
)

SENT = 0x22222222
SECOND = 1_000_000
MALFORMED = bytes.fromhex("81c90001 00000009")


@pytest.fixture
def consumer(rig: Rig) -> Consumer:
    made = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), *(rtp(number) for number in range(2, 12)))
    return made


def test_a_report_tells_round_trip_loss_and_score(rig: Rig, consumer: Consumer) -> None:
    now = now_us()
    rig.plane.set_wall_clock(now, 1000 << 32)
    block = ReportBlock(SENT, fraction_lost=64, total_lost=3, last_sr=1000 << 16, delay_since_last_sr=32768)
    [event] = consumer.transport.receive_rtcp(ReceiverReport(1, (block,)).to_bytes(), now + SECOND)
    feedback = consumer.output.feedback
    assert isinstance(event, ScoreChanged)
    assert event.feedback is feedback
    assert consumer.output.rtt_ms == 500.0
    assert (feedback.packets_lost, feedback.fraction_lost) == (3, 64)
    assert feedback.score.value < 10


@pytest.mark.parametrize(
    ("last_sr", "delay", "rtt_ms"),
    [(0, 0, 9.0), (1000 << 16, 65536, 0.0), (1000 << 16, 65537, 0.0), (1003 << 16, 0, 9.0), (999 << 16, 0, 2000.0)],
)
def test_a_round_trip_is_never_negative_and_no_echo_tells_none(
    rig: Rig, consumer: Consumer, last_sr: int, delay: int, rtt_ms: float
) -> None:
    now = now_us()
    consumer.output.rtt_ms = 9.0
    rig.plane.set_wall_clock(now, 1000 << 32)
    block = ReportBlock(SENT, last_sr=last_sr, delay_since_last_sr=delay)
    consumer.transport.receive_rtcp(ReceiverReport(1, (block,)).to_bytes(), now + SECOND)
    assert consumer.output.rtt_ms == rtt_ms


def test_reports_that_come_fast_make_one_score(consumer: Consumer) -> None:
    now = now_us()
    for lost in 5, 10:
        report = ReceiverReport(1, (ReportBlock(SENT, total_lost=lost),)).to_bytes()
        consumer.transport.receive_rtcp(report, now)
    assert consumer.output.feedback.packets_lost == 10
    score = consumer.output.feedback.score.value
    assert 0 < score < 10  # five of eleven are lost, not ten
    consumer.transport.receive_rtcp(report, now + 100_000)
    assert consumer.output.feedback.score.value > score  # nothing was sent meanwhile


def test_a_nack_is_counted_traced_and_answered_while_packets_flow(consumer: Consumer) -> None:
    consumer.output.feedback.trace_nack = True
    consumer.packets()
    nack = Nack(1, SENT, (2, 3, 40)).to_bytes()
    [event] = consumer.transport.receive_rtcp(nack, now_us())
    assert isinstance(event, FeedbackTraced)
    assert event.kind == "nack"
    assert len(consumer.packets()) == 2
    consumer.output.active = False
    assert consumer.transport.receive_rtcp(nack, now_us() + SECOND) == []
    assert consumer.packets() == []
    assert (consumer.output.feedback.nack_count, consumer.output.feedback.nack_packet_count) == (1, 3)


def test_a_flood_of_nacks_is_answered_in_part(consumer: Consumer) -> None:
    now = now_us()
    nack = Nack(1, SENT, tuple(range(1024))).to_bytes()
    for _ in range(4):
        consumer.transport.receive_rtcp(nack, now)
    assert consumer.output.feedback.nack_packet_count == 4096
    assert consumer.output.packets_retransmitted == 11


def test_key_frames_are_asked_for_a_few_at_once_then_now_and_then(consumer: Consumer) -> None:
    now = now_us()
    wishes = build_compound([Pli(1, SENT), Fir(1, 0, ((SENT, 1),))] * 5)
    events = consumer.transport.receive_rtcp(wishes, now)
    assert [type(event) for event in events] == [KeyFrameAsked] * 4
    assert consumer.transport.receive_rtcp(wishes, now + 400_000) == []
    consumer.output.feedback.trace_fir = True
    events = consumer.transport.receive_rtcp(Fir(1, 0, ((SENT, 1),)).to_bytes(), now + 600_000)
    assert [type(event) for event in events] == [FeedbackTraced, KeyFrameAsked]
    assert (consumer.output.feedback.pli_count, consumer.output.feedback.fir_count) == (10, 11)


def test_of_two_streams_with_one_ssrc_the_later_one_counts_until_it_closes(consumer: Consumer) -> None:
    second = make_output(consumer.transport)
    pli = Pli(1, SENT).to_bytes()
    consumer.transport.receive_rtcp(pli, now_us())
    assert (consumer.output.feedback.pli_count, second.feedback.pli_count) == (0, 1)
    consumer.output.close()
    consumer.transport.receive_rtcp(pli, now_us())
    assert second.feedback.pli_count == 2
    second.close()
    assert consumer.transport.receive_rtcp(pli, now_us()) == []


def test_what_a_sender_reports_is_told_of_streams_that_are_received(rig: Rig) -> None:
    rig.stream.set_rtx(RTX_SSRC, 102)
    delays = (DelaySinceLastRr(0, 5, 6), DelaySinceLastRr(77, 8, 9))
    compound = build_compound(
        [
            SenderReport(SSRC, 7 << 32, 90000, 1, 1),
            SenderReport(RTX_SSRC, 8 << 32, 90001, 1, 1),
            SenderReport(77, 9 << 32, 90002, 1, 1),
            ExtendedReport(SSRC, 10 << 32, delays),
        ]
    )
    first, repairs, delay, time = rig.transport.receive_rtcp(compound, now_us())
    assert isinstance(first, SenderReported)
    assert isinstance(repairs, SenderReported)
    assert (first.ssrc, first.ntp, first.rtp_timestamp, repairs.ssrc) == (SSRC, 7 << 32, 90000, RTX_SSRC)
    assert isinstance(delay, DelayReported)
    assert (delay.ssrc, delay.last_rr, delay.delay) == (SSRC, 5, 6)
    assert isinstance(time, ReferenceTimeReported)
    assert time.ntp == 10 << 32


def test_remb_is_told_where_it_is_asked_for(consumer: Consumer) -> None:
    remb = Remb(1, 500_000, ()).to_bytes()
    assert consumer.transport.receive_rtcp(remb, now_us()) == []
    consumer.transport.takes_remb = True
    [event] = consumer.transport.receive_rtcp(remb, now_us())
    assert isinstance(event, RembReceived)
    assert event.bitrate_bps == 500_000


def test_what_is_malformed_is_told_once_a_second_and_hides_nothing_after_it(rig: Rig) -> None:
    now = now_us()
    wide = bytes.fromhex("8fcd0005 00000001 00000002 00000000 00000000 00000000")
    compound = MALFORMED + wide + SenderReport(SSRC, 7 << 32, 90000, 1, 1).to_bytes()
    first, report = rig.transport.receive_rtcp(compound, now)
    assert isinstance(first, RtcpMalformed)
    assert first.problem == "RTCP receiver report is cut: have 4 bytes, need 28"
    assert isinstance(report, SenderReported)
    assert rig.transport.receive_rtcp(MALFORMED, now + SECOND - 1) == []
    [second] = rig.transport.receive_rtcp(wide, now + SECOND)
    assert isinstance(second, RtcpMalformed)
    assert (second.count, second.problem) == (4, "RTCP transport-wide feedback has no status")


def test_rtcp_is_announced_once_when_that_is_asked_for(rig: Rig) -> None:
    rig.transport.announce_rtcp = True
    for expected in [[RtcpArrived], []]:
        rig.sender.socket.sendto(ReceiverReport(1).to_bytes(), address_of(rig.socket))
        assert [type(event) for event in rig.udp.receive(now_us())] == expected


def feedback_for(consumer: Consumer, now: int) -> bytes:
    """The peer reports what it has got, 2 ms apart."""
    feedback = TransportFeedback()
    packets = consumer.packets()
    for index, packet in enumerate(packets):
        number = int.from_bytes(packet.extensions[TRANSPORT_WIDE_CC_ID], "big")
        feedback.on_packet(number, now - (len(packets) - index) * 2000)
    [report] = feedback.poll(now, 1)
    return report


def test_control_hears_of_an_estimate_that_has_left_its_range(rig: Rig, consumer: Consumer) -> None:
    estimate = estimate_for(consumer)
    rig.send(*(rtp(number) for number in range(12, 30)))
    now = now_us()
    estimate.tell_outside(0, 1e9)
    assert consumer.transport.receive_rtcp(feedback_for(consumer, now), now) == []
    estimate.tell_outside(estimate.bitrate_bps + 1, 1e9)
    rig.send(*(rtp(number) for number in range(30, 40)))
    now = now_us()
    report = feedback_for(consumer, now)
    [event] = consumer.transport.receive_rtcp(2 * report, now)
    assert isinstance(event, EstimateChanged)
    assert event.transport is consumer.transport


def test_feedback_that_changes_nothing_makes_no_python_object(rig: Rig, consumer: Consumer) -> None:
    estimate = estimate_for(consumer)
    estimate.tell_outside(0, 1e12)
    gc.collect()
    gc.disable()
    most = 0
    for round_number in range(20):
        first = 12 + 10 * round_number
        rig.send(*(rtp(number) for number in range(first, first + 10)))
        now = now_us()
        compound = ReceiverReport(1, (ReportBlock(SENT),)).to_bytes() + feedback_for(consumer, now)
        for _ in range(10):
            consumer.peer.send(compound, address_of(consumer.socket))
        with counted() as allocations:
            consumer.udp.receive(now)
        most = max(most, allocations.count)
    gc.enable()
    assert estimate.rtt_ms > 0
    assert most <= 10  # of the call itself: one for each packet would be more, with those in it


def estimate_for(consumer: Consumer) -> OutgoingEstimate:
    return OutgoingEstimate(
        consumer.transport,
        start_bitrate_bps=600_000,
        min_bitrate_bps=30_000,
        mid_id=0,
        abs_send_time_id=0,
        transport_wide_cc_id=TRANSPORT_WIDE_CC_ID,
    )
