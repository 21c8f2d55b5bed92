"""Loops that keep cores awake are there as long as they are wanted, and before nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.awake import cores_awake

PATIENCE_S = 60
pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has SCHED_IDLE")


def children_of(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_loop(pid: int) -> bool:
    try:
        return os.sched_getscheduler(pid) == os.SCHED_IDLE and len(os.sched_getaffinity(pid)) == 1
    except ProcessLookupError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_each_core_has_one_that_ends_in_time() -> None:
    before = children_of(os.getpid())
    cores = os.sched_getaffinity(0)
    with cores_awake():
        loops = children_of(os.getpid()) - before
        wait_until(lambda: all(map(is_loop, loops)))
        assert {core for loop in loops for core in os.sched_getaffinity(loop)} == cores
        assert len(loops) == len(cores)
    assert not loops & children_of(os.getpid())


def test_they_end_with_who_started_them() -> None:
    program = "import bench.awake, time\nwith bench.awake.cores_awake(): time.sleep(600)"
    benchmark = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until(lambda: len(children_of(benchmark.pid)) == len(os.sched_getaffinity(0)))
        loops = children_of(benchmark.pid)
        wait_until(lambda: all(map(is_loop, loops)))
    finally:
        benchmark.send_signal(signal.SIGKILL)
        benchmark.wait()
    wait_until(lambda: not any(map(is_loop, loops)))
