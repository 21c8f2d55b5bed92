# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The clocks that all of the worker counts by, compiled: they are asked with each wake-up."""

from miso.worker.clocks cimport now_us, ntp_now


def monotonic_us():
    """Microseconds of ``CLOCK_MONOTONIC``."""
    return now_us()


def wall_ntp():
    """64-bit NTP timestamp of the wall clock."""
    return ntp_now()
