"""What CPU a process has used, how long it has waited for a core, and how long is too long to tell anything by that."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

BUSY_WAIT: Final = 0.25
"""Who waits for a core a quarter as long as it has one does what the machine leaves it."""


def cpu_ns(pid: int) -> int:
    """CPU that a process used since it started, user and system, all its threads.

    The process's CPU clock counts what ``utime`` and ``stime`` of ``/proc/<pid>/stat`` add up to, but in ns.
    """
    return time.clock_gettime_ns(~pid << 3 | 2)  # CPUCLOCK_SCHED of a process: clock_getcpuclockid(3)


def waited_s(pid: int) -> float:
    """How long the threads of a process have waited for a core (schedstat of proc(5): the second number, in ns)."""
    stats = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(text.split()[1]) for text in stats) / 1e9
