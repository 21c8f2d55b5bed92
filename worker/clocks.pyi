"""Types of ``clocks.pyx``: the clocks that all of the worker counts by."""

def monotonic_us() -> int:
    """Microseconds of ``CLOCK_MONOTONIC``."""

def wall_ntp() -> int:
    """64-bit NTP timestamp of the wall clock (RFC 5905 section 6)."""
