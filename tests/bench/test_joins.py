"""A short run of guests who join: all of them do, and get and decipher every packet. Times are not judged here."""

from __future__ import annotations

import json
from pathlib import Path

from bench.joins.__main__ import STEP_COLUMNS, main


def test_all_guests_join_and_get_every_packet(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    assert main(["-n", "4", "--packets", "3", "--repeats", "1", "--at-once", "3", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    (row,) = figures["rows"]
    assert (row["joined"], row["expected"], row["lost"]) == (4, 3 * (4 + 10), 0)
    assert all(row[column] > 0 for column in STEP_COLUMNS)
    assert set(figures["shown"]) == {"join", "consume"}
    assert figures["settings"]["asleep"] is False


def test_cores_may_sleep_between_steps(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    assert main(["-n", "2", "--packets", "1", "--repeats", "1", "--asleep", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    assert figures["settings"]["asleep"] is True
    assert figures["rows"][0]["joined"] == 2
