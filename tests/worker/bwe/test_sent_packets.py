"""What is remembered of packets with a transport-wide number, and for how long."""

from __future__ import annotations

import pytest

SECOND = 1_000_000


@pytest.fixture
def sent(load):
    return load("miso.worker.bwe.sent_packets").SentPackets()


def test_a_packet_waits_with_its_size_time_and_cluster_until_it_is_taken(sent):
    sent.add(65_535, 1200, 3 << 33, 255)
    sent.add(0, 65_535, (3 << 33) + 7, 0)
    first = sent.unwrap(65_535)
    assert [sent.size(first), sent.sent_us(first), sent.cluster(first)] == [1200, 3 << 33, 255]
    assert [sent.size(first + 1), sent.sent_us(first + 1), sent.cluster(first + 1)] == [65_535, (3 << 33) + 7, 0]
    sent.take(first)
    assert not sent.is_waiting(first)
    assert sent.is_waiting(first + 1)
    assert [sent.size(first), sent.sent_us(first), sent.cluster(first)] == [1200, 3 << 33, 255]


def test_numbers_never_sent_do_not_wait(sent):
    sent.add(10, 100, 0, 0)
    sent.add(13, 100, 0, 0)
    assert [number for number in range(20) if sent.is_waiting(number)] == [10, 13]


def test_packets_of_the_last_seconds_are_remembered_whatever_the_rate(sent):
    for number in range(8000):
        sent.add(number, number, number * 500, number & 255)
    assert all(sent.is_waiting(number) for number in range(8000))
    assert [sent.size(number) for number in range(8000)] == list(range(8000))
    assert [sent.sent_us(number) for number in range(8000)] == [number * 500 for number in range(8000)]
    assert [sent.cluster(number) for number in range(8000)] == [number & 255 for number in range(8000)]


def test_of_more_than_8192_the_newest_are_remembered(sent):
    for number in range(70_000):
        sent.add(number & 0xFFFF, 100, number, 0)
    assert [number for number in range(70_010) if sent.is_waiting(number)] == list(range(70_000 - 8192, 70_000))


def test_what_was_reported_or_is_too_old_is_overwritten_without_taking_more_memory(sent):
    for number in range(1000):
        sent.add(number, 100, number * 1000, 0)
        if number < 500:
            sent.take(number)
    now_us = 7 * SECOND
    for number in range(1000, 1300):
        sent.add(number, 100, now_us, 0)
    remembered = [number for number in range(1300) if sent.is_waiting(number)]
    assert remembered[-300:] == list(range(1000, 1300))
    assert remembered[0] >= 1300 - 512
