"""How a command's process is set up."""

from __future__ import annotations

import subprocess
import sys

SESSIONS_AFTER_MODULES = """
import gc
from miso.commands.process import freeze_what_stays

modules = [[] for _ in range(600_000)]
freeze_what_stays()
before = gc.get_stats()[2]["collections"]
sessions = [[] for _ in range(120_000)]
print(gc.get_stats()[2]["collections"] - before)
"""


def test_what_ended_sessions_leave_is_looked_for_however_many_modules_are_loaded() -> None:
    """Python looks when a quarter more has come: a quarter of what is there beside 600,000 objects that are frozen."""
    done = subprocess.run([sys.executable, "-c", SESSIONS_AFTER_MODULES], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
