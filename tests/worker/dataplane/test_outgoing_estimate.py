"""The outgoing estimate in the plane: what is remembered, probation on the wire, its bookkeeping."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from miso.worker.bwe.transport_feedback import TransportFeedback
from miso.worker.dataplane import OutgoingEstimate, ProbationTraced, Rounds, SrtpSuite, TransportPlane
from miso.worker.dataplane.events import Event
from tests.worker.dataplane.allocations import counted
from tests.worker.dataplane.rig import (
    ABS_SEND_TIME_ID,
    KEY_FRAME,
    MID_ID,
    TRANSPORT_WIDE_CC_ID,
    Consumer,
    Rig,
    address_of,
    now_us,
    rtp,
)

START_BPS, MAX_BPS = 600_000, 4_000_000
MS = 1000


def estimate_for(transport: TransportPlane) -> OutgoingEstimate:
    return OutgoingEstimate(
        transport,
        start_bitrate_bps=START_BPS,
        min_bitrate_bps=30_000,
        mid_id=MID_ID,
        abs_send_time_id=ABS_SEND_TIME_ID,
        transport_wide_cc_id=TRANSPORT_WIDE_CC_ID,
    )


def probe(rig: Rig, estimate: OutgoingEstimate) -> tuple[int, list[Event]]:
    """Opens the way and sends all probation at its time; when the last of it was sent, and what came of it."""
    now, events = now_us(), list[Event]()
    estimate.set_limits(min_bitrate_bps=30_000, max_bitrate_bps=MAX_BPS, probing=True, now_us=now)
    rounds = Rounds(rig.plane, 64)
    rounds.set(estimate, now)
    while (next_us := rounds.next_us) >= 0:
        now = max(next_us, now)
        events += rounds.run(now, ntp=0)
    return now, events


def feed_back(consumer: Consumer, now: int) -> None:
    """The peer reports what it has got, as if its last packet arrived now and the others 2 ms apart before it."""
    feedback = TransportFeedback()
    packets = consumer.packets()
    for index, packet in enumerate(packets):
        number = int.from_bytes(packet.extensions[TRANSPORT_WIDE_CC_ID], "big")
        feedback.on_packet(number, now - (len(packets) - index) * 2 * MS)
    for report in feedback.poll(now, 1):
        consumer.transport.receive_rtcp(report, now)


@pytest.mark.parametrize("suite", [None, SrtpSuite.AES_CM_128_HMAC_SHA1_80, SrtpSuite.AEAD_AES_128_GCM])
def test_probation_is_a_stream_that_the_receiver_can_tell(make_rig: Callable[..., Rig], suite: SrtpSuite) -> None:
    rig = make_rig()
    consumer = rig.add_consumer(suite=suite)
    probe(rig, estimate_for(consumer.transport))
    packets = consumer.packets()
    assert len(packets) >= 10  # two clusters
    assert {packet.ssrc for packet in packets} == {1234}
    assert {packet.payload_type for packet in packets} == {127}
    assert {packet.extensions[MID_ID] for packet in packets} == {b"probator"}
    first = packets[0].sequence_number
    assert [packet.sequence_number for packet in packets] == [(first + index) & 0xFFFF for index in range(len(packets))]
    numbers = [int.from_bytes(packet.extensions[TRANSPORT_WIDE_CC_ID], "big") for packet in packets]
    assert numbers == list(range(1, len(packets) + 1))
    assert all(len(packet.extensions[ABS_SEND_TIME_ID]) == 3 for packet in packets)


def test_media_and_probation_share_the_transport_wide_numbers(rig: Rig) -> None:
    consumer = rig.add_consumer()
    estimate = estimate_for(consumer.transport)
    rig.send(rtp(1, KEY_FRAME))
    probe(rig, estimate)
    rig.send(rtp(2))
    numbers = [int.from_bytes(packet.extensions[TRANSPORT_WIDE_CC_ID], "big") for packet in consumer.packets()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_probes_that_get_through_raise_the_estimate(rig: Rig) -> None:
    consumer = rig.add_consumer()
    estimate = estimate_for(consumer.transport)
    assert estimate.bitrate_bps == START_BPS
    now, _ = probe(rig, estimate)
    feed_back(consumer, now + 50 * MS)
    assert estimate.bitrate_bps > START_BPS
    assert estimate.rtt_ms > 0


def test_probation_is_counted(rig: Rig) -> None:
    consumer = rig.add_consumer()
    now, _ = probe(rig, estimate_for(consumer.transport))
    packets = consumer.packets()
    size = sum(32 + len(packet.payload) for packet in packets)
    assert consumer.transport.probation_sent.bytes == size
    assert consumer.transport.sent.bytes == size
    assert consumer.transport.probation_sent.bitrate(now) > 0
    assert consumer.transport.rtp_sent.bytes == 0


def test_probation_is_traced_on_demand(rig: Rig) -> None:
    consumer = rig.add_consumer()
    estimate = estimate_for(consumer.transport)
    estimate.trace_probation = True
    events = [event for event in probe(rig, estimate)[1] if isinstance(event, ProbationTraced)]
    packets = consumer.packets()
    assert [event.info["sequenceNumber"] for event in events] == [packet.sequence_number for packet in packets]
    assert events[0].source is estimate
    assert events[0].info["ssrc"] == 1234
    assert events[0].info["wideSequenceNumber"] == 1


def test_nothing_is_sent_before_the_way_is_there(rig: Rig) -> None:
    consumer = rig.add_consumer()
    consumer.transport.connected = False
    probe(rig, estimate_for(consumer.transport))
    assert consumer.packets() == []
    waiting = TransportPlane(rig.plane, True)
    probe(rig, estimate_for(waiting))
    assert waiting.probation_sent.bytes == 0


def test_a_closed_estimate_remembers_and_sends_nothing(rig: Rig) -> None:
    consumer = rig.add_consumer()
    estimate = estimate_for(consumer.transport)
    estimate.close()
    estimate.close()
    probe(rig, estimate)
    rig.send(rtp(1, KEY_FRAME))
    assert [packet.ssrc for packet in consumer.packets()] == [0x22222222]


def test_remembering_packets_makes_no_python_object(rig: Rig) -> None:
    consumers = [rig.add_consumer() for _ in range(8)]
    estimates = [estimate_for(consumer.transport) for consumer in consumers]
    rig.send(rtp(0, KEY_FRAME))
    to = address_of(rig.socket)
    gc.collect()
    gc.disable()
    most_in_one_call = 0
    for round_number in range(40):
        for number in range(25):
            rig.sender.send(rtp(1 + round_number * 25 + number), to)
        now = now_us()
        with counted() as allocations:
            rig.udp.receive(now)
        most_in_one_call = max(most_in_one_call, allocations.count)
    gc.enable()
    assert sum(consumer.output.packets for consumer in consumers) == 8 * 1001
    assert most_in_one_call <= 80  # two rings of each output that double at once; one per packet would be 200
    for estimate in estimates:
        estimate.close()
