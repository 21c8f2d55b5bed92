"""When the interval of a stream's reports is over: mediasoup's, which varies with the turns of its transport."""

from libc.stdint cimport int64_t


cdef inline bint is_over(int interval_us, int64_t elapsed_us) noexcept:
    """A turn that comes a little before the interval is over, by 1.15, counts as late enough."""
    return elapsed_us * 115 >= <int64_t>interval_us * 100
