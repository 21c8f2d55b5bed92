"""How ``make test`` deals the tests out to several processes (pytest-xdist): most wait for longer than they compute.

A file stays whole, since its tests share what its fixtures have started, and the browser's files stay together: there
is one Chromium, and nothing competes with its video but what a busy machine has going on anyway.

What takes long is begun first, so that no process is left alone with it in the end.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = "tests/browser"
LONG = (TOGETHER, "tests/live", "tests/cluster", "tests/demo")
"""Folders whose tests wait for other programs or for time to pass; those that take longest first."""

MOST_PROCESSES = 4


def processes() -> int:
    """How many: one more than there are processors, since most tests wait; more than a few bring nothing."""
    return min(len(os.sched_getaffinity(0)) + 1, MOST_PROCESSES)


def unit(test: str) -> str:
    """What is not divided: a test's file, or a folder."""
    file = test.partition("::")[0]
    return TOGETHER if _is_in(file, TOGETHER) else file


def begin_with_the_long(items: list[pytest.Item]) -> None:
    """Sorts tests in place; within a folder they stay as they are."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(test: str) -> int:
    file = test.partition("::")[0]
    return next((place for place, folder in enumerate(LONG) if _is_in(file, folder)), len(LONG))


def _is_in(file: str, folder: str) -> bool:
    return PurePosixPath(file).is_relative_to(folder)


class Units(LoadScopeScheduling):  # type: ignore[misc]  # without types of its own
    """Gives each process that has nearly finished the next unit, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        """What xdist asks a scheduler that groups tests otherwise than by module and class."""
        return unit(nodeid)
