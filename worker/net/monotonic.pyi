"""Types of ``monotonic.pyx``: the clock that all of the worker counts by."""

def monotonic_us() -> int:
    """Microseconds of ``CLOCK_MONOTONIC``."""
