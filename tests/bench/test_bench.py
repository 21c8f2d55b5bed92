"""A short run of the benchmark: everything arrives, and the figures are written. Times are not judged here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.figures import Row, failures


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
    assert main([*options, "--json", str(target)]) == 0
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
    ("changes", "found"),
    [
        ({}, []),
        ({"arrived": 5999}, ["1 of 6000 packets lost"]),
        ({"cpu_us": [3.0, 4.0, 9.0]}, ["2.00 times the floor"]),
        ({"cpu_us": [3.0, 4.0, 9.0], "receivers": 10}, []),
    ],
)
def test_the_check_names_loss_and_a_cost_beyond_the_limit(changes: dict[str, object], found: list[str]) -> None:
    failed = failures([row(**changes)])
    assert len(failed) == len(found)
    assert all(part in text for part, text in zip(found, failed, strict=True))
