"""A short run of the benchmark of messages: all arrive, in order. Times are not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.data import main


@pytest.mark.parametrize("size", [8, 1000, 50_000])
def test_all_messages_of_a_short_run_arrive_in_order(
    size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "figures.json"
    assert main(["--messages", "200", "--size", str(size), "--check", "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert (row["sent"], row["arrived"], row["in_order"]) == (200, 200, True)
    assert f"200 of 200 messages of {size} bytes arrived in order" in capsys.readouterr().out
