# cython: language_level=3
"""What is looked at with each tick of a worker's clock: between who ticks (``net/``) and who has something to do."""

from libc.stdint cimport int64_t


cdef class Ticked:
    """What is looked at with each tick."""

    cdef list on_tick(self, int64_t now_us):
        """Does what is due; gives the events for control, None when there is nothing to do for it."""
        return None
