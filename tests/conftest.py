"""What every test run does first: nobody tests a stale build, and none fails because the machine is busy."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from hypothesis import HealthCheck, settings


def _build() -> None:
    path = Path(__file__).with_name("extensions.py")
    spec = importlib.util.spec_from_file_location("tests_extensions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build()


# Not in pytest_configure: a conftest further down, which pytest imports before that, imports the worker.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _build()

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
