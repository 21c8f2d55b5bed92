"""A short chaos: hostile people beside honest ones, who notice nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.chaos.__main__ import PROBLEMS

ROOT = Path(__file__).resolve().parents[2]
SPOILT = re.compile(r"the \w+ lost [\d.]+% of its packets|a stream of the \w+ stood still for|/health took ")
"""What a machine that stands still for a moment does by itself, also without anybody hostile."""
ATTEMPTS = 3


def test_honest_people_notice_nothing_of_ten_hostile_ones() -> None:
    for _ in range(ATTEMPTS):
        result = subprocess.run(
            [sys.executable, "-m", "tests.chaos", "--minutes", "0.15"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        problems = result.stdout.partition(f"\n{PROBLEMS}\n")[2].splitlines()[:-1]
        if not problems or not all(SPOILT.match(problem) for problem in problems):
            break
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("passed\n"), result.stdout
