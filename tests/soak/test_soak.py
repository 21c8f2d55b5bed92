"""A few rooms of the soak: nothing is left open, however people leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_rooms_left_in_any_way_leave_nothing_open() -> None:
    options = ["--minutes", "0.12", "--rooms", "8", "--warm-up", "1", "--workers", "1"]
    result = subprocess.run(
        [sys.executable, "-m", "tests.soak", *options, "--stay", "0.2", "--consent-timeout", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("passed\n"), result.stdout
