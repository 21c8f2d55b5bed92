# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The clock that all of the worker counts by, compiled: it is asked with each wake-up."""

from miso.worker.net.monotonic cimport now_us


def monotonic_us():
    """Microseconds of ``CLOCK_MONOTONIC``."""
    return now_us()
