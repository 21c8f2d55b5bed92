"""Some at once, then one more every so often."""

from __future__ import annotations

from miso.worker.rtc.token_bucket import TokenBucket


def test_grants_what_it_holds_and_no_more() -> None:
    bucket = TokenBucket(4, 1000, now_us=0)
    assert bucket.take(3, 0) == 3
    assert bucket.take(3, 0) == 1
    assert bucket.take(1, 999) == 0


def test_a_token_comes_back_after_its_time() -> None:
    bucket = TokenBucket(4, 1000, now_us=0)
    bucket.take(4, 0)
    assert bucket.wait_us(0) == 1000
    assert bucket.wait_us(300) == 700
    assert bucket.take(1, 1000) == 1
    assert bucket.take(10, 3500) == 2
    assert bucket.wait_us(3500) == 500


def test_holds_no_more_than_its_size_however_long_it_waits() -> None:
    bucket = TokenBucket(4, 1000, now_us=0)
    bucket.take(1, 0)
    assert bucket.wait_us(0) == 0
    assert bucket.take(100, 1_000_000) == 4
    assert bucket.take(1, 1_000_000) == 0


def test_time_that_grants_nothing_is_not_lost() -> None:
    bucket = TokenBucket(1, 1000, now_us=0)
    bucket.take(1, 0)
    assert [bucket.take(1, now_us) for now_us in (250, 500, 750, 1000)] == [0, 0, 0, 1]
