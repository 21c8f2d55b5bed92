"""What every test run does first: nobody tests a stale build."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Rebuilds the compiled modules before anything imports them."""
    if hasattr(config, "workerinput"):
        return
    path = Path(__file__).with_name("extensions.py")
    spec = importlib.util.spec_from_file_location("tests_extensions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build()
