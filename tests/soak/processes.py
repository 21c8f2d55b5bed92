"""What processes hold, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Holding:
    """Open descriptors, and resident memory in bytes."""

    descriptors: int
    rss_bytes: int


def holding(pid: int) -> Holding:
    """What a process holds now. Raises OSError when it is gone."""
    resident_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Holding(len(os.listdir(f"/proc/{pid}/fd")), resident_pages * _PAGE_BYTES)
