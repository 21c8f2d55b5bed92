"""The receive-side estimate: settles near the capacity of a link, gives way, recovers."""

from __future__ import annotations

from statistics import mean

import pytest

from tests.worker.bwe.link import Link, Sample

MS = 1000


@pytest.fixture
def make(load):
    return load("miso.worker.bwe.remb").RemoteBitrateEstimator


def _steady(estimator, *, seconds: float, bitrate_bps: int, start_us: int = 0) -> list[int]:
    """Evenly paced packets over an idle link; returns the reports."""
    reports = []
    interval_us = 1200 * 8 * 1_000_000 // bitrate_bps
    for sent_us in range(start_us, start_us + int(seconds * 1_000_000), interval_us):
        estimator.on_packet(sent_us * 262144 // 1_000_000 & 0xFFFFFF, sent_us + 20 * MS, 1200)
        report = estimator.poll(sent_us + 20 * MS)
        if report >= 0:
            reports.append(report)
    return reports


def _mean_estimate(samples: list[Sample]) -> float:
    return mean(sample.estimate_bps for sample in samples)


@pytest.mark.parametrize("capacity_bps", [500_000, 1_000_000, 3_000_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_settles_near_the_capacity_with_a_short_queue(make, capacity_bps: int, seed: int) -> None:
    samples = Link(make(), lambda _: capacity_bps, seed=seed).run(60)
    settled = samples[15:]
    assert 0.75 * capacity_bps <= _mean_estimate(settled) <= 1.0 * capacity_bps
    assert mean(sample.queue_ms for sample in settled) < 50
    assert max(sample.queue_ms for sample in settled) < 150


def test_random_loss_is_not_taken_for_a_full_link(make) -> None:
    samples = Link(make(), lambda _: 3_000_000, loss=0.05).run(40)
    assert _mean_estimate(samples[15:]) >= 0.75 * 3_000_000


def test_jitter_is_not_taken_for_a_full_link(make) -> None:
    samples = Link(make(), lambda _: 1_000_000, jitter_us=10_000).run(60)
    assert _mean_estimate(samples[15:]) >= 0.75 * 1_000_000


def test_gives_way_when_the_link_gets_slower_and_recovers(make) -> None:
    samples = Link(make(), lambda second: 500_000 if 30 <= second < 60 else 1_000_000).run(100)
    assert _mean_estimate(samples[36:60]) <= 500_000
    assert max(sample.queue_ms for sample in samples[36:60]) < 200
    assert _mean_estimate(samples[80:]) >= 800_000


def test_does_not_hold_back_a_sender_below_the_capacity(make) -> None:
    samples = Link(make(), lambda _: 100_000_000, limit_bps=1_000_000).run(20)
    assert [sample.estimate_bps for sample in samples[8:]] == [1_000_000] * 12


def test_idle_link_is_soon_used(make) -> None:
    samples = Link(make(), lambda _: 100_000_000).run(12)
    assert samples[8].estimate_bps >= 2_500_000


def test_grows_with_what_comes_in_and_not_beyond(make) -> None:
    reports = _steady(make(), seconds=20, bitrate_bps=600_000)
    assert 600_000 < reports[-1] <= 2 * 620_000 + 10_000


def test_reports_once_a_second(make) -> None:
    assert len(_steady(make(), seconds=10, bitrate_bps=1_000_000)) == 10


def test_reports_a_fall_at_once(make) -> None:
    estimator = make()
    _steady(estimator, seconds=10.2, bitrate_bps=1_000_000)
    queue_us = 0
    for index in range(400):  # the link now has half the rate: each packet waits longer than the one before
        sent_us = 10_200_000 + index * 9_600
        queue_us += 9_600
        arrival_us = sent_us + 20 * MS + queue_us
        estimator.on_packet(sent_us * 262144 // 1_000_000 & 0xFFFFFF, arrival_us, 1200)
        report = estimator.poll(arrival_us)
        if report >= 0:
            break
    assert report < 900_000
    assert arrival_us < 11_020_000


def test_silent_stream_is_not_reported_on(make) -> None:
    estimator = make()
    assert estimator.poll(0) == -1
    _steady(estimator, seconds=2, bitrate_bps=500_000)
    assert estimator.poll(3_900 * MS) >= 0
    assert estimator.poll(5_000 * MS) == -1


def test_stream_that_comes_back_goes_on_from_its_estimate(make) -> None:
    estimator = make()
    before = _steady(estimator, seconds=10, bitrate_bps=1_000_000)[-1]
    after = _steady(estimator, seconds=1, bitrate_bps=1_000_000, start_us=200_000_000)
    assert after[0] == before


def test_limit_is_never_exceeded(make) -> None:
    estimator = make()
    estimator.max_bitrate_bps = 400_000
    assert _steady(estimator, seconds=5, bitrate_bps=1_000_000)[-1] == 400_000
    assert estimator.estimate_bps() == 400_000


def test_wrap_of_the_send_time_every_64_seconds_is_no_event(make) -> None:
    reports = _steady(make(), seconds=130, bitrate_bps=300_000)
    assert min(reports[10:]) >= 300_000
