"""A short run: the figures are there. How much memory it is, tests/worker/test_process.py judges."""

from __future__ import annotations

import re

import pytest

from bench.memory import main


def test_an_idle_worker_and_a_consumer_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--few", "1", "--many", "41", "--seconds", "0.3"]) == 0
    printed = capsys.readouterr().out
    found = re.fullmatch(r"([\d.]+) MB idle; each consumer (\d+) kB, (\d+) kB after 0.3 s of video\n", printed)
    assert found is not None, printed
    assert float(found[1]) > 10
    assert int(found[3]) > 0


def test_rooms_of_one_size_are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--few", "2", "--many", "2"])
