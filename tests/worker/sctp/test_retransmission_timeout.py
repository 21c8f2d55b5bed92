"""The retransmission timeout, and what is no measurement of the path."""

from __future__ import annotations

import pytest

from miso.worker.sctp.sending.retransmission_timeout import INITIAL_US, MAX_US, RetransmissionTimeout

RTT_US = 50_000


@pytest.fixture
def timeout() -> RetransmissionTimeout:
    timeout = RetransmissionTimeout()
    for _ in range(10):
        timeout.on_round_trip(RTT_US)
    return timeout


@pytest.mark.parametrize("stopped_us", [1_000_000, 30_000_000, 600_000_000])
def test_how_long_a_process_was_stopped_is_no_round_trip(timeout: RetransmissionTimeout, stopped_us: int) -> None:
    before = (timeout.timeout_us, timeout.probe_us, timeout.srtt_us)
    timeout.on_round_trip(RTT_US + stopped_us)
    assert (timeout.timeout_us, timeout.probe_us, timeout.srtt_us) == before


def test_a_path_that_becomes_slow_is_followed_after_its_timer_expired(timeout: RetransmissionTimeout) -> None:
    for _ in range(3):
        timeout.back_off()
    for _ in range(30):
        timeout.on_round_trip(2_000_000)
    assert timeout.srtt_us == pytest.approx(2_000_000, rel=0.05)
    assert 2_000_000 < timeout.timeout_us < 3_000_000


def test_a_path_that_is_slow_from_the_beginning_is_measured_after_its_timer_expired() -> None:
    timeout = RetransmissionTimeout()
    timeout.on_round_trip(INITIAL_US + 500_000)
    assert timeout.srtt_us == 0
    timeout.back_off()
    timeout.on_round_trip(INITIAL_US + 500_000)
    assert timeout.srtt_us == INITIAL_US + 500_000


def test_probes_wait_no_longer_than_the_longest_timeout() -> None:
    timeout = RetransmissionTimeout()
    for _ in range(10):
        timeout.back_off()
    timeout.on_round_trip(MAX_US)
    assert timeout.timeout_us == timeout.probe_us == MAX_US
