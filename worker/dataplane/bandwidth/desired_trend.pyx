# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A desired bitrate that rises at once and falls slowly, since layers come and go."""

from libc.stdint cimport int64_t

cdef double FALL_PER_SECOND = 0.05  # of its highest value


cdef class DesiredTrend:
    """What is desired, smoothed.

    Attributes:
        bitrate_bps: Bit/s.
    """

    cpdef void update(self, int64_t bitrate_bps, int64_t now_us, bint force) noexcept:
        """Takes the newest value; ``force`` takes a lower one at once too."""
        cdef int64_t fallen_bps
        if force or bitrate_bps >= self.bitrate_bps:
            self.bitrate_bps = self._highest_bps = bitrate_bps
            self._highest_us = now_us
            return
        fallen_bps = <int64_t>(self._highest_bps * FALL_PER_SECOND * (now_us - self._highest_us) / 1000000)
        self.bitrate_bps = max(bitrate_bps, self._highest_bps - fallen_bps)
