"""A stream that could not be pulled is left alone for a while, however many players ask for it."""

from __future__ import annotations

from miso.live.relay.failed_pulls import MAX_PATHS, FailedPulls
from miso.live.relay.retry_pause import BackOff


def test_pauses_grow_until_it_works() -> None:
    failed = FailedPulls(lambda: BackOff(1.0, 4.0, lambda: 1.0))
    for now_s, until_s in [(0.0, 1.0), (1.0, 3.0), (3.0, 7.0), (7.0, 11.0)]:
        assert not failed.rests("live/a", now_s)
        failed.add("live/a", now_s)
        assert failed.rests("live/a", until_s - 0.01)
        assert not failed.rests("live/b", now_s)
    failed.forget("live/a")
    assert not failed.rests("live/a", 7.0)
    failed.add("live/a", 20.0)
    assert not failed.rests("live/a", 21.0)


def test_only_so_many_are_remembered() -> None:
    failed = FailedPulls(lambda: BackOff(1.0, 4.0, lambda: 1.0))
    for number in range(MAX_PATHS + 5):
        failed.add(f"live/{number}", 0.0)
    assert len(failed) == MAX_PATHS
    assert not failed.rests("live/4", 0.5)
    assert failed.rests("live/5", 0.5)
