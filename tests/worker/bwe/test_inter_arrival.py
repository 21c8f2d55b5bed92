"""Packet groups and their spacing."""

from __future__ import annotations

import pytest


@pytest.fixture
def feed(load):
    arrival = load("miso.worker.bwe.inter_arrival").InterArrival()

    def feed(send_ms: float, arrival_ms: float) -> tuple[float, float] | None:
        if arrival.on_packet(round(send_ms * 262.144) & 0xFFFFFF, round(arrival_ms * 1000)):
            return round(arrival.send_delta_ms, 1), round(arrival.arrival_delta_ms, 1)
        return None

    return feed


def test_packets_of_five_milliseconds_are_one_group(feed) -> None:
    assert [feed(send, send + 20) for send in (0, 2, 4, 20, 22, 40)] == [None, None, None, None, None, (18.0, 18.0)]


def test_spacing_that_grew_on_the_way_is_seen(feed) -> None:
    feed(0, 20)
    feed(20, 45)
    assert feed(40, 70) == (20.0, 25.0)


def test_packets_that_waited_together_are_one_group(feed) -> None:
    feed(0, 20)
    feed(20, 60)
    assert feed(30, 61) is None
    assert feed(40, 62) is None
    assert feed(70, 92) == (40.0, 42.0)


def test_reordered_packet_of_an_earlier_group_is_ignored(feed) -> None:
    feed(0, 20)
    feed(20, 40)
    assert feed(10, 41) is None
    assert feed(40, 60) == (20.0, 20.0)


def test_send_time_wraps(feed) -> None:
    feed(63_980, 20)
    feed(64_000, 40)
    assert feed(64_020, 60) == (20.0, 20.0)


def test_pause_of_the_sender_says_nothing_of_the_path(feed) -> None:
    feed(0, 20)
    feed(20, 40)
    feed(5_000, 5_020)
    assert feed(5_020, 5_040) is None
    assert feed(5_040, 5_060) == (20.0, 20.0)
