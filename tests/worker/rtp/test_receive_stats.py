"""Receive statistics: RFC 3550 appendix A."""

from __future__ import annotations

import pytest


@pytest.fixture
def make(load):
    return load("miso.worker.rtp.receive_stats").ReceiveStats


def _feed(stats, numbers, *, start_us: int = 0, interval_us: int = 20_000, ticks: int = 960) -> None:
    for index, number in enumerate(numbers):
        stats.on_packet(number & 0xFFFF, (index * ticks) & 0xFFFFFFFF, 100, start_us + index * interval_us)


def report(stats, worst_loss: int = 0) -> tuple[int, int, int, int]:
    """What a report block tells."""
    return stats.end_interval(worst_loss), stats.reported_total(), stats.max_sequence(), stats.jitter()


def test_nothing_lost_across_the_wrap(make) -> None:
    stats = make(48000)
    _feed(stats, range(65000, 66000))
    assert report(stats) == (0, 0, 65999, 0)
    assert (stats.packets, stats.bytes, stats.packets_lost) == (1000, 100_000, 0)


def test_loss_is_counted_on_beyond_2_to_the_32_packets(make) -> None:
    stats = make(48000)
    steps = 2**32 // 2999 + 1
    for step in range(steps + 1):
        stats.on_packet((step * 2999) & 0xFFFF, 0, 100, 0)
    assert report(stats)[1:3] == (0x7FFFFF, (steps * 2999) & 0xFFFFFFFF)
    assert stats.packets_lost == steps * 2998


def test_fraction_is_of_the_interval_and_loss_of_the_whole(make) -> None:
    stats = make(48000)
    _feed(stats, [number for number in range(101) if number % 4 != 1])
    fraction, total, highest, _ = report(stats)
    assert (fraction, total, highest) == (25 * 256 // 101, 25, 100)
    _feed(stats, range(101, 201))
    assert report(stats)[:3] == (0, 25, 200)


def test_everything_lost_but_the_ends_is_a_full_fraction(make) -> None:
    stats = make(48000)
    _feed(stats, [0, 2999])
    fraction, total, _, _ = report(stats)
    assert (fraction, total) == (255, 2998)


def test_duplicates_make_the_loss_negative(make) -> None:
    stats = make(48000)
    _feed(stats, [1, 2, 2, 2, 3])
    assert report(stats)[:2] == (0, -2)


def test_reordered_packets_are_no_loss(make) -> None:
    stats = make(48000)
    _feed(stats, [1, 3, 2, 4])
    assert report(stats)[:3] == (0, 0, 4)


def test_lonely_stray_packet_is_discarded(make) -> None:
    stats = make(48000)
    _feed(stats, [1, 2, 30000, 3])
    assert (stats.packets, stats.packets_discarded) == (3, 1)
    assert report(stats)[1] == 0


def test_two_strays_in_a_row_are_a_restart(make) -> None:
    stats = make(48000)
    _feed(stats, [1, 2, 4])
    assert stats.on_packet(30000, 5, 100, 0) == 0
    assert stats.on_packet(30001, 6, 100, 0) == 2
    assert stats.max_timestamp == 6
    _feed(stats, [30002])
    assert report(stats)[1:3] == (1, 30002)  # the loss before the restart is not forgotten


def test_packet_older_than_the_allowed_misorder_is_discarded(make) -> None:
    stats = make(48000)
    _feed(stats, [5000])
    assert stats.on_packet(5000 - 1499, 0, 100, 0) == 1
    assert stats.on_packet(5000 - 1501, 0, 100, 0) == 0


def test_gap_beyond_the_allowed_dropout_is_discarded(make) -> None:
    stats = make(48000)
    _feed(stats, [0, 2999])
    assert stats.on_packet(2999 + 3000, 0, 100, 0) == 0


def test_packet_recovered_by_retransmission_stays_lost_on_the_path(make) -> None:
    stats = make(90000)
    _feed(stats, [1, 3])
    assert stats.on_recovered(2) == 1
    assert report(stats)[1] == 1


def test_jitter_converges_to_the_mean_deviation(make) -> None:
    stats = make(48000)
    for index in range(2000):
        stats.on_packet(index, index * 960, 100, index * 20_000 + (index % 2) * 4_000)
    assert stats.jitter() == pytest.approx(4 * 48, rel=0.05)


def test_even_pace_has_no_jitter_whatever_the_clocks_begin_with(make) -> None:
    stats = make(90000)
    for index in range(500):
        stats.on_packet(index, (0xFFFFF000 + index * 3000) & 0xFFFFFFFF, 100, 10**12 + index * 33_333)
    assert stats.jitter() <= 1


def test_jump_of_the_senders_clock_is_not_jitter(make) -> None:
    stats = make(90000)
    _feed(stats, range(10), interval_us=10_000, ticks=900)
    stats.on_packet(10, 0x7000_0000, 100, 100_000)
    stats.on_packet(11, 0x7000_0000 + 900, 100, 110_000)
    assert stats.jitter() == 0


@pytest.mark.parametrize("shift_s", [-20_000, -60, -3, -1.5, 15, 60, 20_000])
def test_a_clock_that_was_set_anew_is_followed_and_is_no_jitter(make, shift_s) -> None:
    stats = make(90000)
    for index in range(20):
        shift = int(shift_s * 90000) if index >= 10 else 0
        timestamp = (1_000_000_000 + index * 900 + shift) & 0xFFFFFFFF
        stats.on_packet(index, timestamp, 100, index * 10_000)
        assert (stats.max_timestamp, stats.max_timestamp_us) == (timestamp, index * 10_000)
    stats.on_packet(8, 1_000_000_000 + 8 * 900, 100, 200_000)
    assert stats.max_timestamp == timestamp
    assert stats.jitter() < 900


def test_worst_receiver_counts_when_it_is_worse_than_the_own_loss(make) -> None:
    stats = make(48000)
    _feed(stats, range(101))
    assert report(stats, 128)[:2] == (128, 50)
    _feed(stats, range(101, 201))
    assert report(stats, 0)[:2] == (0, 50)


def test_newest_timestamp_is_remembered_with_its_first_arrival(make) -> None:
    stats = make(90000)
    stats.on_packet(1, 3000, 100, 10)
    stats.on_packet(2, 3000, 100, 20)
    stats.on_packet(3, 0, 100, 30)
    assert (stats.max_timestamp, stats.max_timestamp_us) == (3000, 10)
    assert (stats.last_timestamp, stats.last_packet_us) == (0, 30)


def test_report_before_the_first_packet_is_empty(make) -> None:
    assert report(make(90000)) == (0, 0, 0, 0)
