"""Tests of modules in pure-Python mode run twice: interpreted and compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest

from tests import modes


@pytest.fixture(scope="session", params=modes.MODES)
def load(request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """``load("miso.worker.rtp.nack")`` imports a module in the mode of this run."""
    return partial(modes.load, mode=request.param)
