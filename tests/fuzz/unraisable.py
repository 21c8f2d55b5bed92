"""What the plane's ``noexcept`` functions raise is printed and lost: here it is a finding."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_unraisable() -> Iterator[None]:
    """Fails at its end when Python was given an exception that it could not raise."""
    broken: list[BaseException | None] = []

    def note(unraisable: sys.UnraisableHookArgs) -> None:
        broken.append(unraisable.exc_value)

    hook, sys.unraisablehook = sys.unraisablehook, note
    try:
        yield
    finally:
        sys.unraisablehook = hook
    assert not broken, broken
