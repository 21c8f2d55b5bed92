"""NTP time and the round trip."""

from __future__ import annotations

import pytest

from miso.worker.rtcp.ntp import compact_duration, compact_ntp, round_trip_ms

SECOND = 1 << 32


def test_round_trip_leaves_out_the_time_at_the_other_side() -> None:
    sent = 1000 * SECOND
    answered = 1000 * SECOND + 65 * SECOND // 100
    rtt_ms = round_trip_ms(answered, compact_ntp(sent), compact_duration(600_000))
    assert rtt_ms == pytest.approx(50, abs=0.05)


def test_round_trip_survives_the_wrap_of_compact_time() -> None:
    assert round_trip_ms(0x0000_0000_8000_0000, 0xFFFF_F000, 0) == pytest.approx(562.5)


def test_no_round_trip_without_an_echo() -> None:
    assert round_trip_ms(1000 * SECOND, 0, 0) is None


def test_echo_slightly_from_the_future_is_no_time_at_all() -> None:
    now = 1000 * SECOND
    assert round_trip_ms(now, compact_ntp(now), 10) == 0.0
    assert round_trip_ms(now, compact_ntp(now), 0x20000) is None


def test_durations_stay_within_32_bits() -> None:
    assert compact_duration(1_000_000) == 0x10000
    assert compact_duration(10**12) == 0xFFFFFFFF
    assert compact_duration(-5) == 0
