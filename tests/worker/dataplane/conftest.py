"""A rig for each test, and no exception that Cython could only print."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.worker.dataplane.rig import Rig


@pytest.fixture
def make_rig() -> Iterator[Callable[..., Rig]]:
    """Makes rigs that are closed at the end."""
    rigs: list[Rig] = []

    def make(*args: object, **options: object) -> Rig:
        rigs.append(Rig(*args, **options))  # type: ignore[arg-type]
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """One unencrypted sender on IPv4."""
    return make_rig()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a ``noexcept`` function of the plane raises is printed and lost: here it fails the test."""
    for item in items:
        if "dataplane" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning"))
