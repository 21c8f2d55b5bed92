"""A short run: the figures are there. Times are not judged here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.stalls.__main__ import main


def test_what_control_does_with_a_small_room_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "figures.json"
    assert main(["--people", "10", "--repeats", "2", "--json", str(target)]) == 0
    rows = re.findall(r"^\| (.+) \| ([\d.]+) \| ([\d.]+) \|$", capsys.readouterr().out, re.MULTILINE)
    assert [what for what, _, _ in rows] == [
        "dump of the router",
        "statistics of 450 consumers",
        "dumps of 450 consumers",
        "pause of 50 producers",
        "resumption of 50 producers",
        "close of the router, 450 consumers",
    ]
    assert all(float(cpu_ms) > 0 and float(waits_ms) > 0 for _, cpu_ms, waits_ms in rows)
    figures = json.loads(target.read_text())
    assert [row["what"] for row in figures["rows"]] == [what for what, _, _ in rows]
    assert figures["shown"] == {}  # the goal is one of a larger room


def test_a_room_too_small_for_its_viewers_is_refused_and_none_at_all() -> None:
    with pytest.raises(SystemExit):
        main(["--people", "9"])
    with pytest.raises(SystemExit):
        main(["--repeats", "0"])
