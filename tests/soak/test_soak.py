"""A few rooms of the soak: nothing is left open, however people leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_rooms_that_are_left_or_whose_guests_are_killed_leave_nothing_open() -> None:
    options = ["--minutes", "0.1", "--rooms", "6", "--warm-up", "2", "--workers", "1", "--stay", "0.2"]
    result = subprocess.run(
        [sys.executable, "-m", "tests.soak", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("passed\n"), result.stdout
