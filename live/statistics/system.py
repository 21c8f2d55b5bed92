"""This process: since when it runs, its memory and CPU. Linux's ``/proc`` (proc(5)) where it is there."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class System:
    """Watches CPU from one call to the next.

    Args:
        started_s: When the server began, as of ``time.monotonic``.
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._last = (started_s, 0.0)
        self._percent = 0.0

    @property
    def uptime_s(self) -> float:
        """For how long the server has run."""
        return round(time.monotonic() - self._started_s, 3)

    def form(self) -> dict[str, object]:
        """As the JSON API shows it: ``cpu`` in microseconds and ``memory`` in bytes as Node.js tells them.

        ``cpu.percent`` is of one core, since somebody asked a second or more ago.
        """
        usage = resource.getrusage(resource.RUSAGE_SELF)
        now_s = time.monotonic()
        used_s = usage.ru_utime + usage.ru_stime
        last_s, used_then_s = self._last
        if now_s - last_s >= 1:
            self._percent = 100 * (used_s - used_then_s) / (now_s - last_s)
            self._last = now_s, used_s
        return {
            "server": {
                "uptime": self.uptime_s,
                "pythonVersion": platform.python_version(),
                "platform": platform.system().lower(),
                "arch": platform.machine(),
                "pid": os.getpid(),
            },
            "cpu": {
                "user": round(usage.ru_utime * 1e6),
                "system": round(usage.ru_stime * 1e6),
                "percent": round(self._percent, 1),
                "cores": os.cpu_count(),
            },
            "memory": {"rss": _resident_bytes(usage.ru_maxrss)},
        }


def _resident_bytes(peak_kib: int) -> int:
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return peak_kib * 1024  # the most it ever was: better than nothing
