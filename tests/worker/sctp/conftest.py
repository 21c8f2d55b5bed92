"""Peers for the association."""

from __future__ import annotations

import pytest

from tests.worker.sctp.liar import Liar, OldLiar


@pytest.fixture(params=[Liar, OldLiar], ids=["I-DATA", "DATA"])
def liar(request: pytest.FixtureRequest) -> Liar:
    """A peer that lies, with interleaving and without."""
    made: Liar = request.param()
    return made
