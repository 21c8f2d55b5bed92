"""A short run: the figures are there. How much a start may cost, tests/worker/test_start.py judges."""

from __future__ import annotations

import json
from pathlib import Path

from bench.start import main


def test_a_start_is_measured_with_and_without_load(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    assert main(["--starts", "2", "--load", "0", "1", "--json", str(target)]) == 0
    rows = json.loads(target.read_text())["rows"]
    assert [(row["worker"], row["load"], row["starts"]) for row in rows] == [("ours", 0, 2), ("ours", 1, 2)]
    for row in rows:
        for event in ("running", "first answer", "first router"):
            times = row[event]
            assert times["cpu_ms"] > 0
            assert times["wall_ms"] <= times["longest_ms"]
