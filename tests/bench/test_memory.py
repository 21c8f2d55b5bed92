"""A short run: the figures are there. How much memory it is, tests/worker/test_process.py judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.memory import main


def test_an_idle_worker_a_consumer_and_a_guest_are_measured(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    assert main(["--few", "1", "--many", "41", "--seconds", "0.3", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    (row,) = figures["rows"]
    assert row["idle"] > 10_000
    assert row["sending_consumer"] > 0
    assert row["guest"] > 0
    assert figures["shown"].keys() == {"idle", "consumer", "webrtc"}
    assert [each["figures"].keys() for each in figures["compared"]] == [{"ours"}] * 4


def test_rooms_of_one_size_are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--few", "2", "--many", "2"])
