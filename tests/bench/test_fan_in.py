"""A short run of many who send: every packet reaches everybody whom it is for. Times are not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.fan_in import main


@pytest.mark.parametrize(
    ("media", "suite", "patterns"),
    [("audio", "none", ["paced"]), ("video", "AES_CM_128_HMAC_SHA1_80", ["paced", "bursts"])],
)
def test_every_packet_of_each_sender_reaches_all_of_its_consumers(
    media: str, suite: str, patterns: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "figures.json"
    options = ["-n", "5", "--each-to", "3", "--media", media, "--suite", suite, "--rate", "3000", "--seconds", "0.2"]
    assert main([*options, "--repeats", "2", "--check", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    assert figures["settings"] == {"senders": 5, "each_to": 3, "seconds": 0.2, "rate": 3000, "repeats": 2}
    rows = figures["rows"]
    assert [(row["media"], row["pattern"], row["suite"], row["senders"], row["receivers"]) for row in rows] == [
        (media, pattern, suite, 5, 3) for pattern in patterns
    ]
    for row in rows:
        assert (row["expected"], row["lost"]) == (2 * 0.2 * 3000, 0)
        assert len(row["cpu_us_repeats"]) == len(row["floor_us_repeats"]) == 2


def test_senders_need_others_who_get_them() -> None:
    with pytest.raises(SystemExit):
        main(["-n", "9"])
