"""However often something is wrong, it is told once a second, with how often it was."""

from __future__ import annotations

from miso.worker.rtc.log_rate_limit import LogRateLimit


def test_is_told_at_once_then_once_a_second() -> None:
    limit = LogRateLimit()
    told = [(now_us, limit.count) for now_us in range(0, 3_000_000, 250_000) if limit.is_due(now_us)]
    assert told == [(0, 1), (1_000_000, 5), (2_000_000, 9)]
