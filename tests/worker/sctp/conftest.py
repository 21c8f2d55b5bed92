"""Every test of a compiled room runs twice: interpreted and compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest

from tests import modes
from tests.worker.sctp.liar import Liar, OldLiar


@pytest.fixture(scope="session", params=modes.MODES)
def load(request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """``load("worker.sctp.packet")`` imports a module in the mode of this run."""
    return partial(modes.load, mode=request.param)


@pytest.fixture(params=[Liar, OldLiar], ids=["I-DATA", "DATA"])
def liar(request: pytest.FixtureRequest) -> Liar:
    """A peer that lies, with interleaving and without."""
    made: Liar = request.param()
    return made
