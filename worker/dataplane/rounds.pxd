"""Declares what comes again and again, for those whose turn it is."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.dataplane.plane cimport Plane
from miso.worker.ticked cimport Ticked

cdef enum:
    NEVER = -1


cdef class Turn:
    cdef readonly int64_t due_us
    cdef Py_ssize_t _place  # in the heap; while due_us is not NEVER
    cdef int64_t take(self, int64_t at_us, int64_t now_us, uint64_t ntp) noexcept


cdef class Rounds(Ticked):
    cdef Plane _plane
    cdef int _most  # turns of one pass: media waits for it
    cdef list _heap  # Turns: each is due no later than the two whose places are twice its own plus 1 and 2
    cdef int _run(self, int64_t now_us, uint64_t ntp) except -1
    cdef void _sift_up(self, Turn turn, Py_ssize_t place) noexcept
    cdef void _sift_down(self, Turn turn, Py_ssize_t place) noexcept
    cdef void _move(self, Turn turn, int64_t due_us) noexcept
    cdef int _remove(self, Turn turn) except -1
