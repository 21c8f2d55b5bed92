"""A short run of the benchmark: everything arrives, and the figures are written. Times are not judged here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.figures import Row, compared, lost, shown
from bench.goals import failures


@pytest.mark.parametrize("suite", ["none", "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"])
def test_every_packet_of_a_short_run_reaches_every_receiver(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "figures.json"
    options = [
        "-n",
        "3",
        "--suites",
        suite,
        "--kinds",
        "simple",
        "--seconds",
        "0.2",
        "--repeats",
        "2",
        "--rate",
        "3000",
    ]
    drawn = tmp_path / "drawn" / "figures.svg"
    assert main([*options, "--json", str(target), "--plot", str(drawn)]) == 0
    assert drawn.read_text().count(f"{suite}, N = 3, simple") == 2
    figures = json.loads(target.read_text())
    assert figures["settings"] == {"seconds": 0.2, "rate": 3000, "repeats": 2}
    rows = figures["rows"]
    assert [(row["suite"], row["receivers"], row["pattern"]) for row in rows] == [
        (suite, 3, "paced"),
        (suite, 3, "bursts"),
    ]
    for row in rows:
        assert row["expected"] == 2 * 3 * 200
        assert row["lost"] == 0
        assert len(row["cpu_us_repeats"]) == len(row["floor_us_repeats"]) == 2
        assert row["ratio"] > 0
    printed = capsys.readouterr().out
    assert str(target) in printed
    assert printed.count(suite) == 2


@pytest.mark.parametrize(("kind", "wanted"), [("simulcast", 200), ("svc", 200)])
def test_every_packet_of_the_wanted_layers_reaches_every_receiver(kind: str, wanted: int, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    options = ["-n", "2", "3", "--suites", "AEAD_AES_256_GCM", "--kinds", kind, "--patterns", "bursts"]
    assert main([*options, "--seconds", "0.2", "--repeats", "1", "--rate", "3000", "--json", str(target)]) == 0
    (measured,) = json.loads(target.read_text())["rows"]
    assert (measured["kind"], measured["receivers"]) == (kind, 3)
    assert measured["expected"] == 3 * wanted
    assert measured["lost"] == 0


def row(**changes: object) -> Row:
    plain = Row("ours", "AES_CM_128_HMAC_SHA1_80", 100, "paced", "simple", [3.0, 2.0, 9.0], [2.0, 2.0, 2.0], 6000, 6000)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "rate", "found"),
    [
        ({"cpu_us": [2.0, 2.1, 9.0]}, 30_000, []),
        ({"cpu_us": [2.0, 2.1, 9.0], "arrived": 5999}, 30_000, ["1 of 6000 packets lost"]),
        ({"cpu_us": [3.0, 4.0, 9.0]}, 30_000, ["2 times the floor, expected at most 1.05"]),
        ({"cpu_us": [3.0, 4.0, 9.0]}, 20_000, []),
        ({"cpu_us": [3.0, 4.0, 9.0], "receivers": 10}, 30_000, []),
    ],
)
def test_the_check_names_loss_and_a_cost_beyond_the_limit(
    changes: dict[str, object], rate: float, found: list[str]
) -> None:
    rows = [row(**changes)]
    failed = lost(rows) + failures(shown(rows, rate))
    assert len(failed) == len(found)
    assert all(part in text for part, text in zip(found, failed, strict=True))


def test_goals_are_about_the_first_worker_beside_the_floor_and_the_reference() -> None:
    gcm = row(suite="AEAD_AES_256_GCM", pattern="bursts", cpu_us=[1.0, 2.0, 6.0])
    reference = dataclasses.replace(gcm, worker="2:mediasoup", cpu_us=[4.0, 5.0, 6.0])
    other = dataclasses.replace(gcm, worker="1:env", cpu_us=[9.0, 9.0, 9.0])
    assert shown([row(), gcm, other, reference], 30_000) == {
        "paced-cm": 1.5,
        "bursts-gcm": 1.0,
        "reference-bursts-gcm": 0.4,
    }
    assert [(each.what, each.figures) for each in compared([gcm, other, reference])] == [
        (
            "AEAD_AES_256_GCM, N = 100, simple, bursts",
            {"floor": 2.0, "ours": 2.0, "1:env": 9.0, "2:mediasoup": 5.0},
        )
    ]


def test_without_avx512_evenly_paced_packets_have_goals_of_their_own() -> None:
    assert shown([row(), row(pattern="bursts")], 30_000, avx512=False) == {"paced-cm-avx2": 1.5}
    assert failures({"paced-cm-avx2": 1.2, "paced-gcm-avx2": 1.39}) == []


@pytest.mark.parametrize(("seconds", "found"), [(0.03, {"lost-bursts": 1}), (0.04, {})])
def test_a_sender_that_could_not_keep_its_pace_shows_nothing_of_loss(seconds: float, found: dict[str, float]) -> None:
    measured = row(suite="AEAD_AES_256_GCM", pattern="bursts", arrived=5999, took_s=seconds)
    assert shown([measured], 200_000) == found
