"""What ``make test`` gives to which process, and when."""

from __future__ import annotations

from pathlib import Path

from tests.side_by_side import LONG, processes, unit

ROOT = Path(__file__).resolve().parent.parent


def test_a_file_stays_whole_and_so_do_those_that_share_the_browser() -> None:
    assert unit("tests/live/test_manual.py::test_x[a::b]") == "tests/live/test_manual.py"
    assert unit("tests/browser/test_chat.py::test_x") == unit("tests/browser/test_flv.py::test_y") == "tests/browser"
    assert unit("tests/browserless/test_x.py::test_y") == "tests/browserless/test_x.py"


def test_the_folders_that_take_long_are_there() -> None:
    assert [folder for folder in LONG if not (ROOT / folder).is_dir()] == []


def test_two_processes_or_more_work_side_by_side() -> None:
    assert processes() >= 2
