"""A short chaos: hostile people beside honest ones, who notice nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_honest_people_notice_nothing_of_ten_hostile_ones() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--minutes", "0.15"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("passed\n"), result.stdout
