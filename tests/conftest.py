"""What every test run does first: nobody tests a stale build, and none fails because the machine is busy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
