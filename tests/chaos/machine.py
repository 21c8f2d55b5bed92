"""How much of the machine others use, who have nothing to do with the chaos."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

_PPID, _UTIME, _CSTIME = 1, 11, 14
"""Fields of /proc/PID/stat after the name (proc(5)): the parent, and ticks of CPU, own and of children that ended."""
_IDLE, _IOWAIT = 3, 4
_COUNTED = 8
"""Of the first line of /proc/stat: up to ``steal``; what follows is in the others already."""


class OthersLoad:
    """What processes other than this one and its children have used since it was made."""

    def __init__(self) -> None:
        self._before = _ticks()

    def share(self) -> float:
        """Of all processors' time, 0 to 1."""
        total, used, ours = (now - before for now, before in zip(_ticks(), self._before, strict=True))
        return max(0.0, min(1.0, (used - ours) / total)) if total > 0 else 0.0


def _ticks() -> tuple[int, int, int]:
    """All ticks of all processors since the machine started, those that were used, and those that we used."""
    counted = [int(text) for text in Path("/proc/stat").read_text().partition("\n")[0].split()[1 : 1 + _COUNTED]]
    total = sum(counted)
    return total, total - counted[_IDLE] - counted[_IOWAIT], _our_ticks()


def _our_ticks() -> int:
    children: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        children[int(fields[_PPID])].append(int(name))
        ticks[int(name)] = sum(int(text) for text in fields[_UTIME : _CSTIME + 1])
    ours, ahead = 0, [os.getpid()]
    while ahead:
        pid = ahead.pop()
        ours += ticks.get(pid, 0)
        ahead += children[pid]
    return ours
