"""How long a publisher that sends too fast is not read."""

from __future__ import annotations

from miso.live.rtmp_server.bitrate_limit import BURST_S, BitrateLimit

MEGABIT_BYTES = 125_000


def test_who_keeps_to_it_is_never_held_back() -> None:
    limit = BitrateLimit(1_000_000, 0.0)
    assert not any(limit.count(MEGABIT_BYTES // 10, tenth / 10) for tenth in range(1, 600))


def test_a_burst_of_two_seconds_is_allowed_once() -> None:
    limit = BitrateLimit(1_000_000, 0.0)
    assert limit.count(int(MEGABIT_BYTES * BURST_S), 0.0) == 0
    assert limit.count(MEGABIT_BYTES, 0.0) == 1.0


def test_over_a_minute_no_more_comes_than_is_allowed() -> None:
    limit = BitrateLimit(1_000_000, 0.0)
    now_s, sent = 0.0, 0
    while now_s < 60:
        sent += MEGABIT_BYTES
        now_s += max(0.005, limit.count(MEGABIT_BYTES, now_s))
    assert sent <= MEGABIT_BYTES * (60 + BURST_S + 2)


def test_silence_earns_no_more_than_a_burst() -> None:
    limit = BitrateLimit(1_000_000, 0.0)
    limit.count(0, 3600.0)
    assert limit.count(int(MEGABIT_BYTES * (BURST_S + 1)), 3600.0) == 1.0


def test_zero_is_no_limit() -> None:
    assert BitrateLimit(0, 0.0).count(10**12, 0.0) == 0
