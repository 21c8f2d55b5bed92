"""How long a process has waited for a core, and how long is too long to tell anything by its times."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BUSY_WAIT: Final = 0.25
"""Who waits for a core a quarter as long as it has one does what the machine leaves it."""


def waited_s(pid: int) -> float:
    """How long the threads of a process have waited for a core (schedstat of proc(5): the second number, in ns)."""
    stats = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(text.split()[1]) for text in stats) / 1e9
