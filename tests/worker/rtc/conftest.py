"""A rig for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worker.rtc.rig import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A router; at the end everything it made must be gone: ids, timers and sockets."""
    result = Rig()
    yield result
    result.close()
