"""Keeps cores from sleeping, so that a step costs what the worker does for it, not what it costs to wake a core up.

A core of a virtual machine that has nothing to do is given to others, and comes back with cold caches and, asleep
deeply enough, with empty ones: a command that takes 0.12 ms of CPU then takes up to 0.3. On a server whose media flows
no core sleeps long enough for that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Ends with who started it, too; looks rarely, since looking is a call of the kernel.
_SPIN = """
import os, sys
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def cores_awake() -> Iterator[None]:
    """On each core that this process may use a loop runs whenever nobody else wants to (``SCHED_IDLE`` of sched(7))."""
    loops = [
        subprocess.Popen([sys.executable, "-S", "-c", _SPIN, str(core), str(os.getpid())])
        for core in os.sched_getaffinity(0)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
