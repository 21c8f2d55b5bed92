"""A worker's load from its reports: means, bursts, late and repeated reports, and who was placed in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.cluster.placement.load import LoadMeter
from miso.cluster.placement.settings import PlacementSettings

SETTINGS = PlacementSettings()


def steady(meter: LoadMeter, cpu: float, packets_per_s: float, until_s: float, since_s: float = 0.0) -> None:
    """Reports each second of a worker that always uses as much."""
    for second in range(int(since_s), int(until_s) + 1):
        meter.report(second, cpu * second, int(packets_per_s * second))


def test_a_steady_worker_has_the_load_that_it_reports() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.4, 15_000, 3)
    assert meter.cpu == pytest.approx(0.4)
    assert meter.packets_per_s == pytest.approx(15_000)
    assert meter.load == pytest.approx(0.4)


def test_packets_count_where_others_keep_the_worker_from_running() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.2, 0.75 * SETTINGS.full_packets_per_s, 3)
    assert meter.load == pytest.approx(0.75)


def test_a_burst_of_one_report_does_not_count_as_load() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.1, 0, 10)
    meter.report(11, 1.0 + 1.0, 0)  # one second of full use
    assert 0.1 < meter.load < 0.5


def test_a_change_that_lasts_shows_within_settle_s() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.1, 0, 10)
    for second in range(11, 11 + int(SETTINGS.settle_s)):
        meter.report(second, 1.0 + 0.8 * (second - 10), 0)
    assert meter.load > 0.7


def test_a_worker_that_began_anew_counts_from_there_and_keeps_its_mean() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.5, 1000, 5)
    meter.report(6, 0.1, 10)
    assert meter.load == pytest.approx(0.5)
    meter.report(7, 0.6, 1010)
    assert meter.load == pytest.approx(0.5)


def test_repeated_late_and_crowded_reports_change_nothing() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.5, 1000, 5)
    before = meter.cpu, meter.packets_per_s
    meter.report(5, 2.5, 5000)
    meter.report(4, 2.0, 4000)
    meter.report(5.01, 2.6, 5000)  # 10 ms at work: no load of 10
    assert (meter.cpu, meter.packets_per_s) == before


def test_who_was_placed_counts_until_reports_show_it() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.2, 0, 5)
    for number in range(100):
        meter.place(f"viewer {number}", 5.5, sends=False)
    assert meter.load == pytest.approx(0.2 + 100 * SETTINGS.viewer_cost)
    meter.report(6, 1.2, 0)  # too early to show them
    assert meter.load == pytest.approx(0.2 + 100 * SETTINGS.viewer_cost)
    steady(meter, 0.2, 0, 11, since_s=7)
    assert meter.load == pytest.approx(0.2)


def test_who_was_placed_counts_on_while_no_report_comes() -> None:
    meter = LoadMeter(0.0)
    steady(meter, 0.2, 0, 5)
    meter.place("sender", 5.5, sends=True)
    assert meter.load == pytest.approx(0.2 + SETTINGS.sender_cost)
    assert not meter.is_stale(5 + SETTINGS.stale_s)
    assert meter.is_stale(5.1 + SETTINGS.stale_s)


def test_who_leaves_at_once_costs_nothing() -> None:
    meter = LoadMeter(0.0)
    meter.place("a", 0.0, sends=True)
    meter.place("a", 0.1, sends=True)
    assert (meter.load, meter.participants) == (SETTINGS.sender_cost, 1)
    meter.leave("a")
    meter.leave("a")
    meter.leave("nobody")
    assert (meter.load, meter.participants) == (0.0, 0)


def test_where_each_costs_much_the_next_one_is_expected_to_cost_as_much() -> None:
    meter = LoadMeter(0.0)
    for number in range(20):
        meter.place(f"viewer {number}", 0.0, sends=False)
    steady(meter, 0.4, 0, 10)
    meter.place("one more", 10.5, sends=False)
    assert meter.load == pytest.approx(0.4 + 0.4 / 20)


@given(
    st.lists(
        st.tuples(
            st.floats(-5, 5),
            st.floats(0, 1e300),
            st.integers(0, 2**70),
        ),
        max_size=20,
    )
)
def test_no_reports_however_odd_give_a_load_that_is_no_load(reports: list[tuple[float, float, int]]) -> None:
    meter = LoadMeter(0.0)
    for now_s, cpu_s, packets in reports:
        meter.report(now_s, cpu_s, packets)
        assert 0 <= meter.cpu <= 1
        assert 0 <= meter.packets_per_s < float("inf")
        assert meter.load >= 0
