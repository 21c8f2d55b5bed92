"""The table of goals: a row for each, with the newest figure and what it was measured by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.goals import GOALS
from bench.table import main
from tests.bench.saved import save


def rows(files: list[Path], capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The printed cells of each goal, by what it is about."""
    assert main([str(file) for file in files]) == 0
    printed = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in printed}


def test_each_goal_has_a_row_whether_it_was_measured_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows([save(tmp_path / "one.json", shown={"stun": 0.03, "idle": 38.2})], capsys)
    assert list(found) == [goal.what for goal in GOALS.values()]
    assert found[GOALS["stun"].what][:3] == ["≤ 0.03", "0.03 ms CPU", "held"]
    assert found["idle worker"][:3] == ["≤ 34", "38.2 MB", "missed"]
    assert found["consume"] == ["≤ 0.15", "–", "not measured", "", "", ""]


def test_the_newest_figure_counts_with_its_time_load_and_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = save(tmp_path / "a.json", command=["-n", "1|2"], time="2026-11-29T20:30:00+02:00", shown={"idle": 33})
    later = save(tmp_path / "b.json", command=["--late"], time="2026-11-29T19:00:00+00:00", shown={"idle": 35})
    other = save(tmp_path / "c.json", time="2026-11-30T00:00:00+0000", shown={"stun": 1, "a goal of another day": 1})
    (_, measured, verdict, _, load, command) = rows([later, late, other], capsys)["idle worker"]
    assert (measured, verdict, load) == ("35 MB", "missed", "0.3")
    assert command.endswith("python -m bench --late`")
    (*_, command) = rows([late, other], capsys)["idle worker"]
    assert command.endswith("python -m bench -n '1&#124;2'`")


def test_a_file_that_is_no_result_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(tmp_path / "strange.json", time="yesterday")
    with pytest.raises(SystemExit) as left:
        main([str(file)])
    assert left.value.code == 2
    assert f"{file} is no result of a benchmark: Invalid isoformat" in capsys.readouterr().err


def test_a_reader_who_has_enough_is_no_failure(tmp_path: Path) -> None:
    file = save(tmp_path / "one.json", shown={"idle": 33})
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.table", str(file)],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
