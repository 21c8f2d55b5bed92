"""Bitrate over a window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def rate(load):
    return load("miso.worker.rtp.rate").RateCalculator()


def test_steady_stream_has_its_bitrate(rate) -> None:
    for index in range(1000):
        rate.update(1250, 10**12 + index * 10_000)
    assert rate.bitrate(10**12 + 10_000_000) == pytest.approx(1_000_000, rel=0.03)
    assert (rate.packets, rate.bytes) == (1000, 1_250_000)


def test_old_packets_leave_the_window(rate) -> None:
    rate.update(10_000, 0)
    assert rate.bitrate(2_400_000) == 32_000
    assert rate.bitrate(2_500_000) == 0
    rate.update(10_000, 10_000_000)
    assert rate.bitrate(10_000_000) == 32_000


def test_what_was_not_sent_is_taken_back(rate) -> None:
    rate.update(10_000, 0)
    rate.take_back(3000, 1_000_000)  # before it is counted
    assert rate.bytes == 7000
    rate.update(5000, 1_000_000)
    assert (rate.bytes, rate.bitrate(2_400_000)) == (12_000, 12_000 * 8000 // 2500)
    assert rate.bitrate(2_500_000) == 2000 * 8000 // 2500
    assert rate.bitrate(10_000_000) == 0


def test_time_that_goes_backwards_counts_in_the_newest_bucket(rate) -> None:
    rate.update(100, 5_000_000)
    rate.update(100, 4_000_000)
    assert rate.bitrate(5_000_000) == 640


def test_window_can_be_shorter(load) -> None:
    rate = load("miso.worker.rtp.rate").RateCalculator(1_000_000)
    rate.update(125, 0)
    assert rate.bitrate(900_000) == 1000
    assert rate.bitrate(1_000_000) == 0


@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 1500)), max_size=60))
def test_window_holds_exactly_its_buckets(load, packets) -> None:
    rate = load("miso.worker.rtp.rate").RateCalculator()
    now_us = 0
    times = []
    for pause_us, size in packets:
        now_us += pause_us
        rate.update(size, now_us)
        times.append((now_us, size))
    inside = sum(size for at_us, size in times if now_us // 50_000 - at_us // 50_000 < 50)
    assert rate.bitrate(now_us) == inside * 8 * 10 // 25
