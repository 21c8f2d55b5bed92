"""The send-side estimate: settles at a link's capacity, gives way, comes back, and is not moved by lies."""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean
from typing import Any

import pytest

from tests.worker.bwe.send_link import Sample, SendLink

START_BPS, MIN_BPS, MAX_BPS = 600_000, 30_000, 4_000_000
LAYERS = (0, 150_000, 500_000, 1_800_000)
Make = Callable[..., tuple[Any, Any]]

MBIT = 1_000_000
MS = 1000


@pytest.fixture
def make(load):
    """An estimator whose way is open, and a receiver's feedback."""

    def build(max_bps: float = MAX_BPS) -> tuple[Any, Any]:
        estimator = load("miso.worker.bwe.send_side").SendSideEstimator(START_BPS, MIN_BPS)
        estimator.set_limits(MIN_BPS, max_bps, True, 0)
        return estimator, load("miso.worker.bwe.transport_feedback").TransportFeedback()

    return build


def adaptive(second: float, estimate_bps: float) -> float:
    """A source that sends all it may."""
    return estimate_bps


def layered(second: float, estimate_bps: float) -> float:
    """A forwarder that has only these layers to choose from."""
    return max(layer for layer in LAYERS if layer <= estimate_bps)


def constant(bitrate_bps: float) -> Callable[[float, float], float]:
    return lambda second, estimate_bps: bitrate_bps


def limited(capacity_bps: float, *, begin: float, end: float, until: float) -> Callable[[float], float]:
    return lambda second: until if begin <= second < end else capacity_bps


def _mean(samples: list[Sample]) -> float:
    return mean(sample.estimate_bps for sample in samples)


@pytest.mark.parametrize("source", [adaptive, layered])
@pytest.mark.parametrize("seed", [1, 2])
def test_settles_near_the_capacity_with_a_short_queue(make: Make, source, seed: int) -> None:
    samples = SendLink(*make(), lambda _: 2 * MBIT, source, seed=seed).run(40)
    settled = samples[5:]
    assert min(sample.estimate_bps for sample in settled) >= 0.70 * 2 * MBIT
    assert _mean(settled) <= 1.05 * 2 * MBIT
    assert max(sample.queue_ms for sample in samples) < 200


def test_finds_the_capacity_within_two_seconds_by_probing(make: Make) -> None:
    samples = SendLink(*make(), lambda _: 3 * MBIT, layered).run(2)
    assert samples[1].estimate_bps >= 1_800_000
    assert samples[0].probation_bps > 0


def test_gives_way_to_a_slower_link_and_is_back_within_seconds_of_its_end(make: Make) -> None:
    capacity = limited(2 * MBIT, begin=15, end=35, until=500_000)
    samples = SendLink(*make(), capacity, adaptive).run(55)
    assert max(sample.estimate_bps for sample in samples[16:35]) <= 1.2 * 500_000
    assert max(sample.queue_ms for sample in samples[20:35]) < 200
    assert min(sample.estimate_bps for sample in samples[40:]) >= 0.7 * 2 * MBIT


def test_forwarder_with_layers_falls_to_a_lower_one_and_is_back_at_the_top(make: Make) -> None:
    capacity = limited(2.5 * MBIT, begin=15, end=35, until=500_000)
    samples = SendLink(*make(), capacity, layered).run(55)
    assert max(sample.media_bps for sample in samples[18:35]) <= 500_000
    assert max(sample.queue_ms for sample in samples[18:35]) < 200
    assert min(sample.media_bps for sample in samples[43:]) >= 1_500_000


@pytest.mark.parametrize("source", [adaptive, layered])
def test_random_loss_is_not_taken_for_a_full_link(make: Make, source) -> None:
    samples = SendLink(*make(), lambda _: 2.5 * MBIT, source, loss=lambda _: 0.05).run(40)
    assert min(sample.estimate_bps for sample in samples[3:]) >= 0.6 * 2.5 * MBIT
    assert mean(sample.media_bps for sample in samples[3:]) >= 1_600_000


def test_heavy_loss_is_given_way_to_and_recovered_from(make: Make) -> None:
    link = SendLink(*make(), lambda _: 100 * MBIT, adaptive, loss=lambda second: 0.3 if second < 15 else 0.0)
    samples = link.run(35)
    assert samples[14].estimate_bps <= 400_000
    assert samples[34].estimate_bps >= 2 * MBIT


def test_key_frames_of_a_layer_that_fits_do_not_take_it_away(make: Make) -> None:
    samples = SendLink(*make(), lambda _: 2.5 * MBIT, layered, key_frame_every=90).run(40)
    assert mean(sample.media_bps for sample in samples[3:]) >= 1_700_000


def test_long_way_with_jitter_settles_too(make: Make) -> None:
    samples = SendLink(*make(), lambda _: 2 * MBIT, adaptive, delay_us=100 * MS, jitter_us=10 * MS).run(40)
    assert 0.70 * 2 * MBIT <= _mean(samples[5:]) <= 1.05 * 2 * MBIT


def test_lost_feedback_is_not_loss(make: Make) -> None:
    estimator, feedback = make()
    lost = iter(range(10_000))
    link = SendLink(estimator, feedback, lambda _: 2 * MBIT, adaptive, feedback_lost=lambda _: next(lost) % 3 == 0)
    samples = link.run(30)
    assert 0.70 * 2 * MBIT <= _mean(samples[5:]) <= 1.05 * 2 * MBIT


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fall_is_no_deeper_than_the_link_when_half_of_the_feedback_is_lost(make: Make, seed: int) -> None:
    lost = iter(range(10_000))
    capacity = limited(2 * MBIT, begin=10, end=30, until=1 * MBIT)
    link = SendLink(*make(), capacity, adaptive, seed=seed, feedback_lost=lambda _: next(lost) % 2 == 0)
    samples = link.run(20)
    assert _mean(samples[12:]) >= 0.8 * MBIT


def test_receiver_that_falls_silent_is_sent_less_and_comes_back(make: Make) -> None:
    samples = SendLink(*make(), lambda _: 2 * MBIT, adaptive, feedback_lost=lambda second: 10 < second < 20).run(40)
    assert samples[19].estimate_bps <= 600_000
    assert min(sample.estimate_bps for sample in samples[32:]) >= 0.7 * 2 * MBIT


def test_receiver_that_never_reports_keeps_the_initial_bitrate(make: Make) -> None:
    samples = SendLink(*make(), lambda _: 2 * MBIT, constant(300_000), feedback_lost=lambda _: True).run(10)
    assert [sample.estimate_bps for sample in samples] == [START_BPS] * 10


def test_estimate_does_not_creep_above_what_was_tried(make: Make) -> None:
    samples = SendLink(*make(max_bps=10 * MBIT), lambda _: 1 * MBIT, constant(300_000)).run(40)
    assert max(sample.estimate_bps for sample in samples[2:]) <= 1.05 * MBIT
    assert min(sample.estimate_bps for sample in samples[2:]) >= 0.7 * MBIT


def test_nothing_is_probed_beyond_what_is_wanted(make: Make) -> None:
    samples = SendLink(*make(max_bps=START_BPS), lambda _: 10 * MBIT, constant(300_000)).run(20)
    assert sum(sample.probation_bps for sample in samples[1:]) == 0
    assert samples[-1].estimate_bps == START_BPS


def test_limits_hold(make: Make) -> None:
    estimator, feedback = make(max_bps=1 * MBIT)
    samples = SendLink(estimator, feedback, lambda _: 10 * MBIT, adaptive).run(15)
    assert max(sample.estimate_bps for sample in samples) == 1 * MBIT
    estimator.set_limits(200_000, 800_000, True, 15_000_000)
    assert estimator.bitrate() == 800_000
    estimator.set_limits(900_000, 2 * MBIT, True, 15_000_000)
    assert estimator.bitrate() == 900_000


def test_more_wanted_is_probed_for_at_once(make: Make) -> None:
    estimator, feedback = make(max_bps=START_BPS)
    SendLink(estimator, feedback, lambda _: 10 * MBIT, constant(300_000)).run(5)
    assert estimator.probation_due(5_000_000) == 0
    estimator.set_limits(MIN_BPS, 2 * MBIT, True, 5_000_000)
    assert estimator.probation_due(5_000_000) > 0
    estimator.set_limits(MIN_BPS, 2 * MBIT, False, 5_000_000)
    assert estimator.probation_due(5_000_000) == 0


def _body(base: int, count: int, chunks: str, deltas: str = "", reference: int = 100) -> bytes:
    head = bytes(8) + base.to_bytes(2, "big") + count.to_bytes(2, "big") + (reference & 0xFFFFFF).to_bytes(3, "big")
    return head + b"\0" + bytes.fromhex(chunks) + bytes.fromhex(deltas)


def _sent(estimator, count: int, first: int = 1) -> None:
    for index in range(count):
        estimator.on_sent((first + index) & 0xFFFF, 1200, index * 10 * MS)


LIES = {
    "of numbers never sent": _body(30_000, 100, "2064", "04" * 100),
    "that nothing of what was never sent arrived": _body(5000, 65535, "1fff" * 9),
    "with absurd deltas": _body(1, 100, "4064", "7fff" * 50 + "8000" * 50),
    "in another clock": _body(1, 100, "2064", "04" * 100, reference=0x7FFFFF),
    "in a clock before zero": _body(1, 100, "2064", "04" * 100, reference=-0x7FFFFF),
    "all at once": _body(1, 100, "2064", "00" * 100),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_move_the_estimate_only_within_its_limits(make: Make, lie: str) -> None:
    estimator, _ = make()
    _sent(estimator, 200)
    for repetition in range(100):
        assert estimator.on_feedback(LIES[lie], len(LIES[lie]), 2_000_000 + repetition * MS) == 0
    assert MIN_BPS <= estimator.bitrate() <= MAX_BPS


def test_repeated_feedback_counts_once(make: Make) -> None:
    estimator, _ = make()
    _sent(estimator, 200)
    half_lost = _body(1, 100, "2032 0032", "28" * 50)
    for repetition in range(50):
        estimator.on_feedback(half_lost, len(half_lost), 1_000_000 + repetition * 50 * MS)
    assert estimator.fraction_lost() == 0.5
    assert estimator.bitrate() >= 0.7 * START_BPS  # one decrease, not fifty


def test_packets_reported_late_are_not_lost(make: Make) -> None:
    estimator, _ = make()
    _sent(estimator, 100)
    for first, chunks, deltas in ((1, "0032", ""), (1, "2032", "28" * 50), (51, "2032", "28" * 50)):
        body = _body(first, 50, chunks, deltas, reference=100 + first)
        estimator.on_feedback(body, len(body), 2_000_000 + first * 20 * MS)
    assert estimator.fraction_lost() == 0.0


def test_feedback_that_comes_seconds_too_late_tells_of_no_loss(make: Make) -> None:
    estimator, _ = make()
    for number in range(1, 601):
        estimator.on_sent(number, 1200, number * MS if number <= 300 else 6_000_000)
    for first in (1, 101):
        body = _body(first, 100, "2064", "28" * 100)
        estimator.on_feedback(body, len(body), 6_500_000 + first * 100 * MS)
    assert estimator.fraction_lost() == 0.0


def test_malformed_feedback_is_refused_and_changes_nothing(make: Make) -> None:
    estimator, _ = make()
    _sent(estimator, 100)
    body = _body(1, 100, "2064", "04" * 99)
    assert estimator.on_feedback(body, len(body), 2_000_000) != 0
    assert estimator.feedback_count == 0


def test_feedback_before_anything_was_sent_is_ignored(make: Make) -> None:
    estimator, _ = make()
    body = _body(1, 100, "2064", "04" * 100)
    assert estimator.on_feedback(body, len(body), 2_000_000) == 0
    assert estimator.feedback_count == 0
