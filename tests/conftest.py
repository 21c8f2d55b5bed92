"""What every test run does first: nobody tests a stale build, and none fails because the machine is busy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings


def _build() -> None:
    root = Path(__file__).resolve().parent.parent
    if subprocess.run([sys.executable, "-m", "native"], cwd=root, check=False).returncode != 0:
        pytest.exit("the compiled modules do not build", 1)


# Not in pytest_configure: a conftest further down, which pytest imports before that, imports the worker.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _build()

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


if TYPE_CHECKING:
    from tests.side_by_side import Units


# With `-n auto`, as `make test` runs it; without `-n` one process runs all, in the order of their names.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    from tests import side_by_side

    return side_by_side.processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Units:
    from tests import side_by_side

    config.option.loadscopereorder = False  # ours is by what takes long
    return side_by_side.Units(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests import side_by_side

        side_by_side.begin_with_the_long(items)
