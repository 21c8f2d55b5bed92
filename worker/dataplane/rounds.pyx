# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What each transport has to do about once a second, done in one pass for all whose turn it is.

One timer serves a whole worker (``miso.worker.net.loop_delay``): what is due by its next tick is done in one wake-up,
and no Python object is made for it. Each turn says itself when it wants to come again, so that transports stay as far
apart as they chose to be.
"""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.clocks cimport ntp_now
from miso.worker.dataplane.plane cimport Plane
from miso.worker.ticked cimport TICK_US, Ticked

cdef enum:
    LATE_US = 2 * TICK_US  # who comes later than this counts from now


cdef class Turn:
    """Something that comes again and again.

    Attributes:
        due_us: When it comes next, monotonic; -1 while it is not set.
    """

    def __cinit__(self):
        self.due_us = NEVER

    cdef int64_t take(self, int64_t at_us, int64_t now_us, uint64_t ntp) noexcept:
        """Does what is to be done now; gives how many microseconds after ``at_us`` it comes again, or NEVER.

        ``at_us`` is when it was to come, which is a little before ``now_us``: what comes each second does not drift.
        """
        return NEVER


cdef class Rounds(Ticked):
    """All turns of one worker, the next one first."""

    def __init__(self, Plane plane not None, int most):
        self._plane = plane
        self._most = most
        self._heap = []

    @property
    def next_us(self):
        """When the next turn is due, -1 when there is none."""
        return (<Turn>self._heap[0]).due_us if self._heap else NEVER

    def set(self, Turn turn not None, int64_t due_us):
        """The turn comes at this time, whatever was set before."""
        if turn.due_us == NEVER:
            self._heap.append(turn)
            turn.due_us = due_us
            self._sift_up(turn, len(self._heap) - 1)
        else:
            self._move(turn, due_us)

    def stop(self, Turn turn not None):
        """It does not come. Idempotent."""
        if turn.due_us != NEVER:
            self._remove(turn)

    def run(self, int64_t now_us, uint64_t ntp):
        """Takes the turns that are due, some of them when they are many; gives the events that came of it.

        ``ntp`` is the wall clock's time (RFC 3550 section 4).
        """
        self._run(now_us, ntp)
        return self._plane.finish()

    cdef list on_tick(self, int64_t now_us):
        if not self._heap or (<Turn>self._heap[0]).due_us > now_us:
            return None
        self._run(now_us, ntp_now())
        events = self._plane.finish()
        return events if events or (self._heap and (<Turn>self._heap[0]).due_us <= now_us) else None

    cdef int _run(self, int64_t now_us, uint64_t ntp) except -1:
        cdef Turn turn
        cdef int64_t again_us, at_us
        cdef int count = 0
        self._plane.begin(now_us)
        self._plane.set_wall_clock(now_us, ntp)  # which peers that are told of it will echo
        while self._heap and count < self._most:
            turn = self._heap[0]
            if turn.due_us > now_us:
                break
            count += 1
            at_us = turn.due_us if now_us - turn.due_us < LATE_US else now_us
            again_us = turn.take(at_us, now_us, ntp)
            if again_us == NEVER:
                self._remove(turn)
            else:
                self._move(turn, at_us + again_us)
        return 0

    cdef void _sift_up(self, Turn turn, Py_ssize_t place) noexcept:
        cdef Turn parent
        while place > 0:
            parent = self._heap[(place - 1) // 2]
            if parent.due_us <= turn.due_us:
                break
            self._heap[place] = parent
            parent._place = place
            place = (place - 1) // 2
        self._heap[place] = turn
        turn._place = place

    cdef void _sift_down(self, Turn turn, Py_ssize_t place) noexcept:
        cdef Py_ssize_t below, count = len(self._heap)
        cdef Turn child
        while True:
            below = 2 * place + 1
            if below >= count:
                break
            if below + 1 < count and (<Turn>self._heap[below + 1]).due_us < (<Turn>self._heap[below]).due_us:
                below += 1
            child = self._heap[below]
            if turn.due_us <= child.due_us:
                break
            self._heap[place] = child
            child._place = place
            place = below
        self._heap[place] = turn
        turn._place = place

    cdef void _move(self, Turn turn, int64_t due_us) noexcept:
        cdef bint is_later = due_us > turn.due_us
        turn.due_us = due_us
        if is_later:
            self._sift_down(turn, turn._place)
        else:
            self._sift_up(turn, turn._place)

    cdef int _remove(self, Turn turn) except -1:
        cdef Turn last = self._heap.pop()
        cdef int64_t due_us = last.due_us
        if last is not turn:  # takes its place
            last.due_us = turn.due_us
            last._place = turn._place
            self._heap[last._place] = last
            self._move(last, due_us)
        turn.due_us = NEVER
        return 0
