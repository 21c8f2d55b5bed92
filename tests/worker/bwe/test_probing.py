"""Probe clusters: how they are paced, what is measured of them, when they are due."""

from __future__ import annotations

import pytest

from miso.worker.bwe import enums

MS = 1000


@pytest.fixture
def sender(load):
    return load("miso.worker.bwe.probe_sender").ProbeSender()


@pytest.fixture
def results(load):
    return load("miso.worker.bwe.probe_results").ProbeResults()


@pytest.fixture
def control(load):
    return load("miso.worker.bwe.probe_control").ProbeControl()


def _send_all(sender, now_us: int) -> list[tuple[int, int, int]]:
    """(cluster, time, size) of every probation packet, polled each millisecond."""
    sent = []
    for time_us in range(now_us, now_us + 200 * MS, MS):
        while (size := sender.due(time_us)) > 0:
            sent.append((sender.cluster, time_us, size))
            sender.on_sent(size, time_us)
    return sent


@pytest.mark.parametrize("bitrate_bps", [300_000, 1_800_000, 6_000_000])
def test_cluster_is_sent_at_its_bitrate(sender, bitrate_bps: int) -> None:
    sender.add(bitrate_bps, 5 * MS)
    sent = _send_all(sender, 5 * MS)
    assert len(sent) >= 5
    total = sum(size for _, _, size in sent)
    assert total * 8 >= 0.015 * bitrate_bps
    duration_us = sent[-1][1] - sent[0][1]
    assert (total - sent[-1][2]) * 8e6 / duration_us == pytest.approx(bitrate_bps, rel=0.15)


def test_clusters_follow_each_other_under_their_own_ids(sender) -> None:
    sender.add(1_000_000, 0)
    sender.add(2_000_000, 0)
    assert sorted({cluster for cluster, _, _ in _send_all(sender, 0)}) == [1, 2]
    assert sender.cluster == 0
    assert sender.next_us() == -1


def test_burst_of_media_is_no_cluster_by_itself(sender) -> None:
    sender.add(2_000_000, 0)
    for _ in range(10):
        sender.on_sent(1200, 0)
    assert sender.cluster == 1
    sender.on_sent(1200, 48 * MS)
    assert sender.cluster == 0


def test_cluster_that_nobody_sends_is_given_up(sender) -> None:
    sender.add(1_000_000, 0)
    assert sender.due(501 * MS) == 0
    assert sender.cluster == 0


def test_measures_the_bitrate_tried_when_all_of_it_gets_through(results) -> None:
    for index in range(10):
        results.on_arrival(1, 500, index * 2 * MS, 70 * MS + index * 2 * MS)
    assert results.measure(1, 2_000_000)
    assert results.bitrate_bps == pytest.approx(2_000_000)
    assert not results.is_saturated


def test_measures_a_little_less_than_the_capacity_when_the_cluster_is_stretched(results) -> None:
    for index in range(10):
        results.on_arrival(1, 500, index * 2 * MS, 70 * MS + index * 5 * MS)
    assert results.measure(1, 2_000_000)
    assert results.bitrate_bps == pytest.approx(0.95 * 800_000)
    assert results.is_saturated


@pytest.mark.parametrize(
    ("count", "send_us", "arrival_us"),
    [(3, 2 * MS, 2 * MS), (10, 2 * MS, 500), (10, 0, 2 * MS), (10, 2 * MS, 0), (10, 200 * MS, 200 * MS)],
)
def test_measures_nothing_of_too_few_packets_or_an_implausible_time(results, count, send_us, arrival_us) -> None:
    for index in range(count):
        results.on_arrival(7, 500, index * send_us, index * arrival_us)
    assert not results.measure(7, 2_000_000)


def _taken(control) -> list[float]:
    rates = []
    while (rate := control.take()) > 0:
        rates.append(rate)
    return rates


def test_start_tries_three_and_six_times_the_assumption(control) -> None:
    control.start(10_000_000, 600_000, 0)
    assert _taken(control) == [1_800_000, 3_600_000]


def test_nothing_above_the_maximum_is_tried(control) -> None:
    control.start(1_000_000, 600_000, 0)
    assert _taken(control) == [1_000_000]


def test_success_is_followed_by_twice_as_much_until_the_maximum_is_known(control) -> None:
    control.start(10_000_000, 600_000, 0)
    _taken(control)
    control.on_result(1_800_000, 100 * MS)
    assert _taken(control) == [3_600_000]
    control.on_result(2_000_000, 200 * MS)  # the capacity
    assert _taken(control) == []


def test_tries_again_every_five_seconds_while_more_is_wanted(control) -> None:
    control.start(10_000_000, 600_000, 0)
    _taken(control)
    control.on_result(800_000, 100 * MS)
    probed = []
    for second in range(1, 21):
        control.on_time(800_000, second * 1_000_000)
        for rate in _taken(control):
            probed.append((second, rate))
            control.on_result(800_000, second * 1_000_000 + 100 * MS)
    assert probed == [(5, 1_600_000), (10, 1_600_000), (15, 1_600_000), (20, 1_600_000)]
    control.set_max(800_000, 800_000, 20_000_000)
    control.on_time(800_000, 30_000_000)
    assert _taken(control) == []


def test_probes_without_a_measurement_are_repeated_sooner_but_not_for_ever(control) -> None:
    control.start(10_000_000, 600_000, 0)
    _taken(control)
    probed = []
    for second in range(1, 21):
        control.on_time(800_000, second * 1_000_000)
        probed += [second for _ in _taken(control)]
    assert probed == [2, 4, 6, 11, 16]


def test_goes_back_to_where_a_burst_took_it_from(control) -> None:
    control.start(4_000_000, 2_000_000, 0)
    _taken(control)
    control.on_state(enums.OVERUSE, 2_000_000, 600_000, 10_000_000)
    control.on_state(enums.NORMAL, 600_000, 600_000, 10_500_000)
    assert _taken(control) == [1_700_000]
    control.on_state(enums.OVERUSE, 2_000_000, 600_000, 11_000_000)
    control.on_state(enums.NORMAL, 600_000, 600_000, 11_500_000)
    assert _taken(control) == []  # not again at once
