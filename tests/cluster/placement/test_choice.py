"""Which worker is chosen, with true and with late loads."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miso.cluster.placement.choice import Candidate, choose_worker, is_full
from miso.cluster.placement.load import LoadMeter
from miso.cluster.placement.settings import PlacementSettings

SETTINGS = PlacementSettings()

loads = st.floats(0, 1.5)
candidates = st.builds(
    lambda each: [Candidate(number, *one) for number, one in enumerate(each)],
    st.lists(st.tuples(loads, st.booleans(), st.booleans()), min_size=1, max_size=12),
)


def chosen(each: list[Candidate], *, sends: bool = False, tries: int = 60) -> set[int | None]:
    """All that chance may choose."""
    random = Random(1)
    return {choose_worker(each, random, sends=sends) for _ in range(tries)}


def test_nobody_is_chosen_of_none() -> None:
    assert choose_worker([], Random(1), sends=True) is None


def test_a_room_stays_on_its_worker_below_the_threshold() -> None:
    assert chosen([Candidate(1, 0.29, has_shard=True), Candidate(2, 0.0)]) == {1}


def test_viewers_leave_a_worker_before_senders_do() -> None:
    busy = [Candidate(1, 0.45, has_shard=True), Candidate(2, 0.1)]
    assert chosen(busy, sends=False) == {2}
    assert chosen(busy, sends=True) == {1}
    assert chosen([Candidate(1, 0.65, has_shard=True), Candidate(2, 0.1)], sends=True) == {2}


def test_a_room_gets_no_further_shard_where_it_gains_nothing() -> None:
    assert chosen([Candidate(1, 0.45, has_shard=True), Candidate(2, 0.36)]) == {1}


def test_a_room_on_two_workers_goes_to_the_less_loaded() -> None:
    assert chosen([Candidate(1, 0.2, has_shard=True), Candidate(2, 0.1, has_shard=True), Candidate(3, 0.0)]) == {2}


def test_a_worker_that_is_not_heard_of_gets_nobody_while_another_one_reports() -> None:
    assert chosen([Candidate(1, 0.0, has_shard=True, is_stale=True), Candidate(2, 0.8)]) == {2}
    assert chosen([Candidate(1, 0.0, is_stale=True), Candidate(2, 0.8, is_stale=True)]) == {1}


def test_a_host_is_full_when_all_its_workers_are() -> None:
    assert is_full([])
    assert is_full([Candidate(1, 0.9), Candidate(2, 1.4)])
    assert not is_full([Candidate(1, 0.9), Candidate(2, 0.89)])


def test_of_many_equal_workers_all_are_chosen() -> None:
    assert chosen([Candidate(number, 0.1) for number in range(8)], tries=300) == set(range(8))


@given(candidates, st.booleans(), st.integers(0, 2**32))
def test_no_full_worker_gets_anybody_while_another_has_room(each: list[Candidate], sends: bool, seed: int) -> None:
    worker = choose_worker(each, Random(seed), sends=sends)
    assert worker is not None
    heard = [candidate for candidate in each if not candidate.is_stale] or each
    if not is_full(heard):
        assert each[worker].load < SETTINGS.full_at


@given(candidates, st.booleans(), st.integers(0, 2**32))
def test_the_most_loaded_of_a_room_gets_nobody_while_another_of_its_workers_has_less(
    each: list[Candidate], sends: bool, seed: int
) -> None:
    ours = [candidate._replace(has_shard=True) for candidate in each]
    worker = choose_worker(ours, Random(seed), sends=sends)
    assert worker is not None
    heard = [candidate.load for candidate in ours if not candidate.is_stale] or [candidate.load for candidate in ours]
    if heard.count(max(heard)) == 1 and len(heard) > 1:
        assert ours[worker].load < max(heard)


class Host:
    """Workers with true loads, their meters, and one large room."""

    def __init__(self, workers: int, seed: int, placement: PlacementSettings = SETTINGS) -> None:
        self.random = Random(seed)
        self.settings = placement
        self.now_s = 0.0
        self.meters = [LoadMeter(0.0, placement) for _ in range(workers)]
        self.cpu_s = [0.0] * workers
        self.true_load = [0.0] * workers
        self.shards: set[int] = set()
        self.joined: Counter[int] = Counter()
        for meter in self.meters:
            meter.report(0.0, 0.0, 0)

    def report(self, after_s: float, noise: float = 0.0) -> None:
        self.now_s += after_s
        for number, meter in enumerate(self.meters):
            load = max(0.0, self.true_load[number] * (1 + self.random.uniform(-noise, noise)))
            self.cpu_s[number] += min(1.0, load) * after_s
            meter.report(self.now_s, self.cpu_s[number], 0)

    def join(self, name: str, cost: float = SETTINGS.viewer_cost) -> int:
        each = [
            Candidate(number, meter.load, number in self.shards, meter.is_stale(self.now_s))
            for number, meter in enumerate(self.meters)
        ]
        worker = choose_worker(each, self.random, sends=False, settings=self.settings)
        assert worker is not None
        self.meters[worker].place(name, self.now_s, sends=False)
        self.shards.add(worker)
        self.joined[worker] += 1
        self.true_load[worker] += cost
        return worker


@pytest.mark.parametrize("seed", range(10))
def test_six_hundred_who_come_at_once_share_two_workers_evenly(seed: int) -> None:
    host = Host(2, seed)
    for number in range(600):
        host.join(f"viewer {number}")
    assert max(host.joined.values()) <= 1.25 * min(host.joined.values())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("cost", [0.0012, 0.004])
def test_those_who_come_slowly_share_the_workers_evenly_whatever_they_cost(seed: int, cost: float) -> None:
    host = Host(2, seed)
    for number in range(int(1.2 / cost)):
        host.join(f"viewer {number}", cost)
        host.report(0.5, noise=0.1)
    assert max(host.true_load) <= 1.25 * min(host.true_load)


@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_joins_between_two_reports_do_not_go_one_way(seed: int) -> None:
    """Reports are as late as they may be, and each joins a room of its own, so that no shard attracts any."""
    host = Host(4, seed)
    host.true_load = [0.10, 0.12, 0.11, 0.05]
    host.report(1.0)
    host.report(1.0)
    for number in range(100):
        host.shards.clear()
        host.join(f"viewer {number}", cost=0.003)
    assert max(host.joined.values()) <= 70
    assert max(host.true_load) - min(host.true_load) <= 0.12


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.4), st.integers(2, 8))
def test_noisy_loads_scatter_no_room(seed: int, noise: float, workers: int) -> None:
    """A room that fills one and a half workers up to the threshold is on two or three, whatever noise there is."""
    host = Host(workers, seed)
    for number in range(int(1.5 * SETTINGS.viewers_leave_at / 0.003)):
        host.join(f"viewer {number}", cost=0.003)
        host.report(1.0, noise=noise)
    assert len(host.shards) <= 3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 30), min_size=20, max_size=60))
def test_no_worker_is_filled_while_others_have_room(seed: int, arrivals: list[int]) -> None:
    host = Host(4, seed)
    for second, joins in enumerate(arrivals):
        for number in range(joins):
            host.join(f"{second}/{number}", cost=0.002)
        host.report(1.0)
        if sum(host.true_load) < 4 * 0.5:
            assert max(host.true_load) < SETTINGS.full_at
