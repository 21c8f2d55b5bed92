# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the event loop calls when a descriptor is ready: compiled, since a worker that has slept finds Python's code cold."""

from miso.worker.faults import FATAL as _FATAL, describe, faults


cdef class WakeUp:
    """Does the same each time; a fault costs the one time that meets it (``miso.worker.faults``).

    Attributes:
        failures: How often in a row it has failed.
    """

    cdef object _about
    cdef object _work
    cdef object _on_failure
    cdef readonly int failures

    def __init__(self, about, work, on_failure=None, int failures=0):
        self._about = about
        self._work = work
        self._on_failure = on_failure
        self.failures = failures

    def run(self):
        try:
            self._work()
        except _FATAL:
            raise
        except BaseException as error:
            self.failures += 1
            faults.record(error, describe(self._about))
            if self._on_failure is not None:
                self._on_failure(self)
        else:
            self.failures = 0
