"""Transport-wide feedback: what is told is what arrived."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miso.worker.rtcp.compound import parse_compound
from miso.worker.rtcp.transport_wide import TransportWideFeedback

MS = 1000
START_US = 5_000_000


@pytest.fixture
def feedback(load):
    return load("miso.worker.bwe.transport_feedback").TransportFeedback()


def _parse(packets: list[bytes]) -> list[TransportWideFeedback]:
    parsed = []
    for packet in packets:
        assert len(packet) <= 1116
        (one,) = parse_compound(packet)
        assert isinstance(one, TransportWideFeedback)
        parsed.append(one)
    return parsed


def _told(packets: list[bytes]) -> dict[int, int]:
    """Sequence number → arrival in ticks of 250 µs."""
    return {number: ticks for one in _parse(packets) for number, ticks in one.arrivals}


def test_known_bytes(feedback) -> None:
    feedback.media_ssrc = 0x22222222
    feedback.on_packet(65535, 1_024_000)  # 16 times 64 ms
    feedback.on_packet(0, 1_025_000)
    feedback.on_packet(3, 1_100_000)
    (packet,) = feedback.poll(1_100_000, 0x11111111)
    # base 65535, 5 statuses, reference time 16, feedback 0; a chunk of two bits: small, small, missing, missing, large
    assert packet == bytes.fromhex("8fcd0006 11111111 22222222 ffff0005 00001000 d4200004 012c0000")


def test_nothing_arrived_nothing_is_told(feedback) -> None:
    assert feedback.poll(START_US, 1) == []
    feedback.on_packet(1, START_US)
    assert len(feedback.poll(START_US, 1)) == 1
    assert feedback.poll(START_US + 500 * MS, 1) == []


def test_tells_every_100_ms_also_when_it_is_asked_a_little_early(feedback) -> None:
    feedback.on_packet(1, START_US)
    assert feedback.poll(START_US, 1)
    feedback.on_packet(2, START_US + 10 * MS)
    assert feedback.poll(START_US + 89 * MS, 1) == []
    assert _told(feedback.poll(START_US + 90 * MS, 1)) == {2: (START_US + 10 * MS) // 250}


def test_many_packets_are_told_before_they_are_forgotten(feedback) -> None:
    feedback.on_packet(0, START_US)
    feedback.poll(START_US, 1)
    for number in range(1, 1100):
        feedback.on_packet(number, START_US + number)
    assert feedback.is_due(START_US + 2 * MS)
    assert len(_told(feedback.poll(START_US + 2 * MS, 1))) == 1099


def test_loss_between_two_feedbacks_is_told(feedback) -> None:
    feedback.on_packet(10, START_US)
    feedback.poll(START_US, 1)
    feedback.on_packet(14, START_US + 100 * MS)
    (one,) = _parse(feedback.poll(START_US + 100 * MS, 1))
    assert (one.base_sequence, one.status_count) == (11, 4)
    assert [number for number, _ in one.arrivals] == [14]


def test_loss_at_the_end_is_not_told_too_early(feedback) -> None:
    feedback.on_packet(1, START_US)
    feedback.on_packet(2, START_US)
    (one,) = _parse(feedback.poll(START_US, 1))
    assert one.status_count == 2


def test_late_packet_is_told_again_with_those_after_it(feedback) -> None:
    feedback.on_packet(1, START_US)
    feedback.on_packet(3, START_US)
    assert set(_told(feedback.poll(START_US, 1))) == {1, 3}
    feedback.on_packet(2, START_US + 50 * MS)
    feedback.on_packet(4, START_US + 60 * MS)
    (one,) = _parse(feedback.poll(START_US + 100 * MS, 1))
    assert one.base_sequence == 2
    assert [number for number, _ in one.arrivals] == [2, 3, 4]


def test_packet_far_too_late_is_ignored(feedback) -> None:
    feedback.on_packet(1000, START_US)
    feedback.poll(START_US, 1)
    feedback.on_packet(487, START_US)
    assert feedback.poll(START_US + 100 * MS, 1) == []


def test_first_arrival_of_a_duplicate_counts(feedback) -> None:
    feedback.on_packet(1, START_US)
    feedback.on_packet(1, START_US + 50 * MS)
    assert _told(feedback.poll(START_US + 100 * MS, 1)) == {1: START_US // 250}


def test_long_pause_begins_another_packet(feedback) -> None:
    feedback.on_packet(1, START_US)
    feedback.on_packet(2, START_US + 9_000 * MS)
    first, second = _parse(feedback.poll(START_US + 9_100 * MS, 1))
    assert [number for number, _ in first.arrivals] == [1]
    assert second.arrivals == ((2, (START_US + 9_000 * MS) // 250),)


def test_feedback_is_counted(feedback) -> None:
    counts = []
    for number in range(300):
        feedback.on_packet(number, START_US + number * 100 * MS)
        counts += [one.feedback_count for one in _parse(feedback.poll(START_US + number * 100 * MS, 1))]
    assert counts == [number & 255 for number in range(300)]


def test_long_loss_before_an_arrival_is_told_in_one_chunk(feedback) -> None:
    feedback.on_packet(0, START_US)
    feedback.poll(START_US, 1)
    feedback.on_packet(1900, START_US + 100 * MS)
    (one,) = _parse(feedback.poll(START_US + 100 * MS, 1))
    assert (one.base_sequence, one.status_count, len(one.arrivals)) == (1, 1900, 1)


def test_jump_beyond_the_memory_begins_anew(feedback) -> None:
    feedback.on_packet(0, START_US)
    feedback.on_packet(30000, START_US)
    (one,) = _parse(feedback.poll(START_US, 1))
    assert (one.base_sequence, one.status_count) == (30000, 1)


@settings(max_examples=40)
@given(
    start=st.integers(0, 65535),
    lost=st.sets(st.integers(1, 800), max_size=500),
    pauses_us=st.lists(st.integers(0, 40_000), min_size=801, max_size=801),
    jitter=st.lists(st.integers(0, 20), min_size=801, max_size=801),
    polls=st.sets(st.integers(1, 800), max_size=6),
)
def test_what_is_told_is_what_arrived(load, start, lost, pauses_us, jitter, polls) -> None:
    feedback = load("miso.worker.bwe.transport_feedback").TransportFeedback()
    arrived: dict[int, int] = {}
    told: dict[int, int] = {}
    now_us = START_US
    order = sorted(
        (index for index in range(801) if index not in lost), key=lambda index: (index + jitter[index], index)
    )
    for position, index in enumerate(order):
        now_us += pauses_us[index]
        number = (start + index) & 0xFFFF
        feedback.on_packet(number, now_us)
        arrived[number] = now_us // 250
        if position in polls:
            told |= _told(feedback.poll(now_us, 1))
    told |= _told(feedback.poll(now_us + 100 * MS, 1))
    # the clock of the feedback is 24 bits of 64 ms; a test's times are far below
    assert told == arrived


@pytest.mark.parametrize("seed", range(3))
def test_feedback_of_a_busy_link_stays_small(feedback, seed: int) -> None:
    random_ = random.Random(seed)
    now_us = START_US
    for number in range(20_000):
        now_us += random_.randrange(0, 400)
        if random_.random() > 0.1:
            feedback.on_packet(number & 0xFFFF, now_us)
        packets = feedback.poll(now_us, 1)
        assert sum(len(packet) for packet in packets) <= 3000
