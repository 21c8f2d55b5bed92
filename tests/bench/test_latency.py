"""How late packets are is told of the latest one, and of one that is lost, too."""

from __future__ import annotations

import signal
import sys
import time
from types import ModuleType

import pytest

from bench.workers import Worker
from miso.worker.channel.codec import Dialect
from native.extensions import build

MS = 1_000_000


@pytest.fixture(scope="module")
def latency() -> ModuleType:
    build(measuring=True)
    from bench import latency  # its sockets are compiled

    return latency


def test_of_each_packet_that_came_it_is_told_how_much_later(latency: ModuleType) -> None:
    assert latency.added_us([1 * MS, 2 * MS, 0], [[9 * MS, 0, 0], [2 * MS, 5 * MS, 0]]) == [1000, 3000, 8000]
    with pytest.raises(RuntimeError, match="copies"):
        latency.added_us([1 * MS, 0], [[2 * MS, 3 * MS]])


def test_the_latest_counts(latency: ModuleType) -> None:
    assert latency.longest_ms([1 * MS, 2 * MS, 3 * MS], [2 * MS, 9 * MS, 10 * MS]) == 7


def test_what_is_lost_is_as_late_as_the_next_that_came(latency: ModuleType) -> None:
    assert latency.longest_ms([1 * MS, 2 * MS, 3 * MS, 4 * MS], [2 * MS, 0, 0, 11 * MS]) == 9


def test_where_none_came_any_more_or_none_knows_when_it_left_nothing_is_told(latency: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="last packet"):
        latency.longest_ms([1 * MS, 2 * MS], [2 * MS, 0])
    with pytest.raises(RuntimeError, match="copies"):
        latency.longest_ms([1 * MS, 0], [2 * MS, 3 * MS])


def test_a_worker_that_stands_still_is_seen(latency: ModuleType) -> None:
    with latency.Flow(Worker("ours", [sys.executable, "-m", "miso.worker"], Dialect.V3_10)) as flow:

        def stop() -> None:
            flow.client.process.send_signal(signal.SIGSTOP)
            time.sleep(0.1)
            flow.client.process.send_signal(signal.SIGCONT)

        assert flow.longest_ms(stop) > 95

        def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            flow.longest_ms(fail)
