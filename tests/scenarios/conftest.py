"""A scene for each test."""

from collections.abc import Iterator

import pytest

from tests.scenarios.scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()
