"""A short run: the figures are there. Times are not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.reports import main


def test_what_transports_cost_idle_and_with_media_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.reports.SETTLED_AFTER_S", 0.0)
    target = tmp_path / "figures.json"
    assert main(["-n", "3", "--seconds", "0.5", "--repeats", "1", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    (row,) = figures["rows"]
    assert row.keys() == {"worker", "idle_us", "media_us"}
    assert [each["what"] for each in figures["compared"]] == ["idle", "with media"]
