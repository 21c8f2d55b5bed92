"""Declares what is looked at with each tick of a worker's clock."""

from libc.stdint cimport int64_t

cdef enum:
    TICK_US = 100000  # from one tick to the next


cdef class Ticked:
    cdef list on_tick(self, int64_t now_us)
