"""Loss on either side: NACK, RTX in and out, key frame requests."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from miso.worker.dataplane import KeyFrameNeeded, NackNeeded, SrtpSuite, UnknownSsrc
from tests.worker.dataplane.rig import (
    DELTA_FRAME,
    KEY_FRAME,
    PROFILES,
    ROUTER_VP8,
    ROUTER_VP8_RTX,
    RTX_SSRC,
    TRANSPORT_WIDE_CC_ID,
    VP8_RTX,
    Rig,
    now_us,
    rtp,
)


def frames(first: int, count: int) -> list[bytes]:
    """A key frame and what follows, each packet with its own payload."""
    return [rtp(first, KEY_FRAME + b"first")] + [
        rtp(first + index, bytes([0x10, 1]) + str(index).encode()) for index in range(1, count)
    ]


def rtx(sequence_number: int, original: bytes) -> bytes:
    number, timestamp = struct.unpack_from("!HL", original, 2)
    payload = struct.pack("!H", number) + original[12:]
    return rtp(sequence_number, payload, timestamp=timestamp, ssrc=RTX_SSRC, payload_type=VP8_RTX)


@pytest.mark.parametrize("suite", [None, *PROFILES], ids=lambda suite: "none" if suite is None else suite.name)
def test_answers_a_nack_with_rtx(make_rig: Callable[..., Rig], suite: SrtpSuite | None) -> None:
    rig = make_rig(suite)
    consumer = rig.add_consumer(suite=suite)
    rig.send(*frames(100, 5))
    sent = {packet.sequence_number: packet for packet in consumer.packets()}
    assert consumer.ask_again([2, 4], now_us()) == 2
    first, second = consumer.packets()
    assert first.payload_type == second.payload_type == ROUTER_VP8_RTX
    assert first.ssrc == second.ssrc == consumer.output.rtx_ssrc
    assert second.sequence_number == (first.sequence_number + 1) & 0xFFFF
    for again, original in (first, sent[2]), (second, sent[4]):
        assert again.payload == struct.pack("!H", original.sequence_number) + original.payload
        assert again.timestamp == original.timestamp
    assert first.extensions[TRANSPORT_WIDE_CC_ID] == b"\0\x06"
    assert (consumer.output.packets_retransmitted, consumer.output.rtx_packets) == (2, 2)


@pytest.mark.parametrize("suite", [None, *PROFILES], ids=lambda suite: "none" if suite is None else suite.name)
def test_sends_the_packet_itself_again_without_rtx(make_rig: Callable[..., Rig], suite: SrtpSuite | None) -> None:
    rig = make_rig(suite)
    consumer = rig.add_consumer(suite=suite, rtx_ssrc=0, rtx_payload_types={})
    rig.send(*frames(100, 3))
    lost = list(consumer.peer.datagrams())  # never reached the peer's SRTP session
    assert len(lost) == 3
    assert consumer.ask_again([2], now_us()) == 1
    [again] = consumer.packets()
    assert (again.sequence_number, again.ssrc, again.payload_type) == (2, consumer.output.ssrc, ROUTER_VP8)
    assert again.payload == bytes([0x10, 1]) + b"1"


def test_sends_a_packet_again_once_per_round_trip(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(*frames(100, 3))
    now = now_us()
    consumer.output.rtt_ms = 50.0
    assert consumer.ask_again([1], now) == 1
    assert consumer.ask_again([1, 2], now + 30_000) == 1
    assert consumer.ask_again([1], now + 60_000) == 1
    assert consumer.output.packets_repaired == 2


def test_what_was_never_sent_or_is_too_old_is_not_sent_again(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(*frames(100, 3))
    assert consumer.ask_again([9, 0, 65535], now_us()) == 0
    assert consumer.ask_again([1], now_us() + 2_500_000) == 0


def test_remembers_a_burst_longer_than_the_first_ring(rig: Rig) -> None:
    consumer = rig.add_consumer()
    packets = frames(100, 600)
    forwarded = 0
    for at in range(0, 600, 20):
        rig.send(*packets[at : at + 20])
        forwarded += len(consumer.packets())
    assert forwarded == 600
    assert consumer.ask_again([1, 300, 599], now_us()) == 3
    payloads = [packet.payload[2:] for packet in consumer.packets()]
    assert payloads == [KEY_FRAME + b"first", b"\x10\x01299", b"\x10\x01598"]


def test_nothing_is_kept_for_a_consumer_without_nack(rig: Rig) -> None:
    consumer = rig.add_consumer(keep_for_retransmission=False)
    rig.send(*frames(100, 3))
    assert consumer.ask_again([1, 2, 3], now_us()) == 0


def test_asks_for_what_is_missing_and_not_just_late(rig: Rig) -> None:
    [nack] = [event for event in rig.send(*frames(10, 2), rtp(14)) if isinstance(event, NackNeeded)]
    assert nack.stream is rig.stream
    rig.stream.rtt_ms = 40.0
    assert rig.stream.poll_nack(now_us()) == []
    assert rig.stream.poll_nack(now_us() + 20_000) == [12, 13]
    assert rig.stream.poll_nack(now_us() + 30_000) == []
    assert rig.stream.poll_nack(now_us() + 80_000) == [12, 13]
    assert (rig.stream.nack_count, rig.stream.nack_packet_count) == (2, 4)


def test_a_packet_that_is_given_up_calls_for_a_key_frame_at_once(rig: Rig) -> None:
    rig.send(*frames(10, 2), rtp(14))
    for attempt in range(10):
        assert rig.stream.poll_nack(now_us() + (attempt + 1) * 1_000_000) == [12, 13]
        assert not rig.stream.take_key_frame_needed()
    assert rig.stream.poll_nack(now_us() + 11_000_000) == []
    assert rig.stream.take_key_frame_needed()
    assert not rig.stream.take_key_frame_needed()
    assert not any(isinstance(event, KeyFrameNeeded) for event in rig.send(rtp(15)))


def test_rtx_fills_the_gap_for_consumers(rig: Rig) -> None:
    rig.stream.set_rtx(RTX_SSRC, VP8_RTX)
    consumer = rig.add_consumer()
    packets = frames(10, 5)
    rig.send(packets[0], packets[1], packets[4])
    assert rig.stream.poll_nack(now_us() + 20_000) == [12, 13]
    assert rig.send(rtx(500, packets[2]), rtx(501, packets[3])) == []
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2, 5, 3, 4]
    assert rig.stream.rtx_stats is not None
    assert (rig.stream.packets_repaired, rig.stream.rtx_stats.packets) == (2, 2)
    assert rig.transport.rtx_received.bytes == len(rtx(0, packets[2])) + len(rtx(0, packets[3]))
    assert rig.stream.poll_nack(now_us() + 1_000_000) == []


def test_rtx_that_repeats_or_is_empty_is_dropped(rig: Rig) -> None:
    rig.stream.set_rtx(RTX_SSRC, VP8_RTX)
    consumer = rig.add_consumer()
    packets = frames(10, 2)
    rig.send(*packets)
    probe = rtp(502, b"", ssrc=RTX_SSRC, payload_type=VP8_RTX, padding=100)
    rig.send(rtx(500, packets[1]), rtx(501, packets[0]), probe, rtp(503, b"\0", ssrc=RTX_SSRC, payload_type=VP8_RTX))
    assert len(consumer.packets()) == 2


def test_repairs_may_come_with_ssrc_0_and_end_with_their_stream(rig: Rig) -> None:
    """A sender may number its repairs so (RFC 3550 section 8.1): the number stands for nothing else."""
    rig.stream.set_rtx(0, VP8_RTX)
    rig.send(rtp(1, KEY_FRAME), rtp(3))
    rig.stream.poll_nack(now_us() + 20_000)
    repair = rtp(1, struct.pack("!H", 2) + DELTA_FRAME, ssrc=0, payload_type=VP8_RTX)
    assert not rig.transport.receive(repair, now_us())
    assert rig.stream.packets_repaired == 1
    rig.stream.close()
    (event,) = rig.transport.receive(repair, now_us())
    assert isinstance(event, UnknownSsrc)


def test_repairs_that_change_their_ssrc_from_0_leave_nothing_behind(rig: Rig) -> None:
    rig.stream.set_rtx(0, VP8_RTX)
    rig.stream.set_rtx(RTX_SSRC, VP8_RTX)
    (event,) = rig.transport.receive(rtp(1, ssrc=0, payload_type=VP8_RTX), now_us())
    assert isinstance(event, UnknownSsrc)


def test_asks_for_a_key_frame_when_too_much_is_missing(rig: Rig) -> None:
    events = rig.send(rtp(1), rtp(1500))
    assert [event for event in events if isinstance(event, KeyFrameNeeded)]
    assert not [event for event in events if isinstance(event, NackNeeded)]


def test_reports_loss_as_rfc_3550_has_it(rig: Rig) -> None:
    rig.send(*(rtp(number) for number in (1, 2, 3, 5, 6, 7, 8, 10)))
    stats = rig.stream.stats
    fraction, total, highest = stats.end_interval(0), stats.reported_total(), stats.max_sequence()
    assert (fraction, total, highest) == (2 * 256 // 10, 2, 10)
    assert rig.stream.rtx_stats is None


def test_a_sender_that_renumbers_is_followed(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2))
    rig.send(rtp(30000), rtp(30001), rtp(30002))
    assert rig.stream.stats.packets_discarded == 1
    assert len(consumer.packets()) == 4


def test_repairs_begin_no_numbering_anew(rig: Rig) -> None:
    """A sender fills probes with repairs of what it sent before it numbered anew."""
    rig.stream.set_rtx(RTX_SSRC, VP8_RTX)
    consumer = rig.add_consumer()
    old = frames(10, 5)
    rig.send(*old)
    rig.send(rtp(30_000), rtp(30_001, KEY_FRAME), rtp(30_002))
    for number, packet in enumerate(old):
        rig.send(rtx(500 + number, packet))
    rig.send(rtp(30_003), rtp(30_004))
    assert [packet.sequence_number for packet in consumer.packets()] == list(range(1, 10))


def test_a_key_frame_is_asked_for_where_numbers_begin_anew(rig: Rig) -> None:
    """The first packet of the new numbering was taken for a stray one, and may be a key frame's first."""
    rig.send(rtp(1, KEY_FRAME), rtp(2))
    events = rig.send(rtp(30_000, KEY_FRAME), rtp(30_001), rtp(30_002))
    assert len([event for event in events if isinstance(event, KeyFrameNeeded)]) == 1


@pytest.mark.parametrize("back", [1, 40, 600, 1400])
def test_numbers_that_go_back_over_those_that_came_are_followed(rig: Rig, back: int) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(3000, KEY_FRAME, timestamp=0))
    for number in range(3001, 4500):
        rig.send(rtp(number, timestamp=100 * (number - 3000)))
    consumer.packets()
    for step in range(60):
        rig.send(rtp(4499 - back + step, timestamp=150_000 + 3000 * step))
    received = consumer.packets()
    assert len(received) >= 58
    numbers = [packet.sequence_number for packet in received]
    assert numbers == list(range(1501, 1501 + len(numbers)))


def test_a_loop_that_repeats_numbers_and_timestamps_is_followed(rig: Rig) -> None:
    consumer = rig.add_consumer()
    loop = [rtp(3000 + step, DELTA_FRAME if step else KEY_FRAME, timestamp=3000 * step) for step in range(300)]
    began_us = now_us()
    received = []
    for step, packet in enumerate(loop * 3):
        rig.transport.receive(packet, began_us + 33_333 * step)
        received += consumer.packets()
    assert len(received) >= 3 * len(loop) - 2 * 30
    timestamps = [packet.timestamp for packet in received]
    assert timestamps == sorted(timestamps)


def test_packets_that_come_twice_begin_no_numbering_anew(rig: Rig) -> None:
    """Two ways to us, one of them slower by 300 ms, and a pause on both."""
    consumer = rig.add_consumer()
    began_us = now_us()
    for step in range(100):
        now = began_us + 20_000 * step
        for number in (step, step - 15):
            if number >= 0:
                payload = DELTA_FRAME if number else KEY_FRAME
                rig.transport.receive(rtp(100 + number, payload, timestamp=1800 * number), now)
    for number in range(85, 100):
        rig.transport.receive(rtp(100 + number, timestamp=1800 * number), began_us + 2_300_000)
    assert [packet.sequence_number for packet in consumer.packets()] == list(range(1, 101))


def test_packets_that_come_twice_while_the_clock_is_behind_begin_no_numbering_anew(rig: Rig) -> None:
    """A source that sends everything twice sets its clock back: for a second no timestamp is newer than all others."""
    consumer = rig.add_consumer()
    began_us = now_us()
    for number in range(150):
        clock_set_back = 90_000 if number >= 50 else 0
        packet = rtp(
            100 + number, DELTA_FRAME if number else KEY_FRAME, timestamp=100_000 + 1800 * number - clock_set_back
        )
        for _ in range(2):
            rig.transport.receive(packet, began_us + 20_000 * number)
    assert [packet.sequence_number for packet in consumer.packets()] == list(range(1, 151))
