"""A short run of the live side's benchmark: every player is kept and gets its bytes. Times are not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.live.__main__ import main
from bench.live.figures import Row, failures


def test_every_player_of_a_short_run_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "figures.json"
    players = ["--servers", "miso.live", "--flv", "0", "--rtmp", "3"]
    assert main([*players, "--seconds", "1", "--repeats", "2", "--joins", "2", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    assert figures["settings"] == {"seconds": 1.0, "repeats": 2, "joins": 2}
    (row,) = figures["rows"]
    assert row["signaling_p99_ms"] is None
    assert (row["server"], row["flv"], row["rtmp"], row["kept"]) == ("miso.live", 0, 3, 3)
    assert len(row["first_key_s"]) == 4
    # 2 Mbit/s for a second to each of three: frames come in their time, whatever the machine does
    assert all(0.3 < received_mb < 3 for received_mb in row["received_mb"])
    assert "miso.live" in capsys.readouterr().out


def row(server: str, cpu_ms: float, **more: object) -> Row:
    made = Row(server, 2, 2, [cpu_ms], [1.0], [10.0], [0.01, 0.01], kept=4, memory_mb=70.0)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_what_is_promised_is_checked_against_the_floor_and_the_others_of_the_same_run() -> None:
    assert failures([row("miso.live", 0.9), row("node-media", 2.0), row("nginx-rtmp", 0.9)]) == []
    assert failures([row("node-media", 9.0, kept=0)]) == []
    (slow,) = failures([row("miso.live", 1.6)])
    assert "1.60 times the floor" in slow
    (more,) = failures([row("miso.live", 1.2), row("node-media", 2.0)])
    assert "node-media" in more
    (lost,) = failures([row("miso.live", 0.9, kept=3)])
    assert "1 of 4 players" in lost
    (large,) = failures([row("miso.live", 0.9, memory_mb=81.0)])
    assert "81 MB" in large
    (late,) = failures([row("miso.live", 0.9, first_key_s=[0.01, 0.03])])
    assert "first key frame" in late
    (unheard,) = failures([row("controller", 9.0, signaling_s=[0.01, 0.5])])
    assert "rooms answer" in unheard


def test_rooms_answer_beside_players(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    players = ["--servers", "controller", "--flv", "2", "--rtmp", "0"]
    assert main([*players, "--seconds", "1", "--repeats", "1", "--joins", "1", "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert (row["server"], row["kept"]) == ("controller", 2)
    assert len(row["signaling_s"]) >= 2
