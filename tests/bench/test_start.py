"""A short run: the figures are there. How much a start may cost, tests/worker/test_start.py judges."""

from __future__ import annotations

import re

import pytest

from bench.start import main


def test_a_start_is_measured_with_and_without_load(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--starts", "2", "--load", "0", "1"])
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split("|")[1:3] for row in rows] == [[" 0 ", " 2 "], [" 1 ", " 2 "]]
    for row in rows:
        times = re.findall(r"(\d+) / (\d+) / (\d+)", row)
        assert len(times) == 3
        for cpu, wall, longest in times:
            assert 0 < int(cpu) <= int(longest)
            assert int(wall) <= int(longest)
