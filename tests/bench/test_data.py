"""A short run of the benchmark of messages: all arrive, in order. Times are not judged here."""

from __future__ import annotations

import pytest

from bench.data import main


@pytest.mark.parametrize("size", [8, 1000, 50_000])
def test_all_messages_of_a_short_run_arrive_in_order(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--messages", "200", "--size", str(size)]) == 0
    assert f"200 of 200 messages of {size} bytes arrived in order" in capsys.readouterr().out
