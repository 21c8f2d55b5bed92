"""A short run of the cluster's benchmark: everything arrives. Times are not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cluster.__main__ import hop_failures, main, spread_failures


@pytest.mark.parametrize("mode", ["hop", "hop-srtp"])
def test_every_packet_of_a_short_run_comes_through_the_pipe(mode: str, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    assert main(["--modes", mode, "--rate", "1000", "--seconds", "0.5", "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert (row["mode"], row["packets"], row["lost"]) == (mode, 500, 0)
    assert row["receiving_cpu_us"] > 0
    assert row["floor_cpu_us"] > 0
    assert row["floor_p99_us"] >= row["floor_p50_us"]


def test_every_viewer_of_a_short_run_gets_every_packet(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    options = ["--modes", "spread", "--viewers", "30", "--viewer-rate", "50", "--seconds", "0.5"]
    assert main([*options, "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert sum(row["viewers"]) == 30
    assert (row["expected"], row["lost"]) == (30 * 25, 0)


def test_what_is_promised_is_checked() -> None:
    from bench.cluster.hop import Hop
    from bench.cluster.spread import Spread

    good = Hop(False, 100, 0, [100.0] * 100, [50.0] * 100, 4.0, 4.0, 1.0)
    assert hop_failures(good) == []
    (late,) = hop_failures(Hop(False, 100, 0, [100.0] * 98 + [1001.0] * 2, [], 4.0, 4.0, 1.0))
    assert "1001 µs" in late
    assert "1 of 100" in hop_failures(Hop(False, 100, 1, [100.0] * 99, [], 4.0, 4.0, 1.0))[0]
    assert len(hop_failures(Hop(False, 100, 100, [], [], 4.0, 4.0, 1.0))) == 2
    assert spread_failures(Spread([300, 300], [0.4, 0.31], 10, 10)) == []
    assert "differs by 50%" in spread_failures(Spread([300, 300], [0.4, 0.2], 10, 10))[0]
    assert "1 of 10" in spread_failures(Spread([300, 300], [0.4, 0.4], 10, 9))[0]
