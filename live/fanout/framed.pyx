# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A packet as all players of a format get it: where its bytes are, of which none is copied.

Who has begun to get it holds it until it has all of it, also when it has fallen out of the ring.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdlib cimport free, malloc


@cython.final
@cython.no_gc
cdef class Framed:
    """A packet of parts.

    Args:
        parts: As bytes objects and ``(bytes, start, end)``.

    Raises:
        TypeError, ValueError: A part is something else, or reaches beyond its bytes; or there are no bytes.
    """

    def __cinit__(self, tuple parts not None):
        cdef int index
        self.count = len(parts)
        self.parts = <iovec *>malloc(max(1, self.count) * sizeof(iovec))
        if self.parts == NULL:
            raise MemoryError
        self.size = 0
        for index in range(self.count):
            _point(parts[index], &self.parts[index])
            self.size += self.parts[index].iov_len
        if self.size == 0:
            raise ValueError("a packet without bytes")
        self._owner = parts

    def __dealloc__(self):
        free(self.parts)


cdef int _point(object part, iovec *to) except -1:
    cdef Py_ssize_t start = 0, end
    cdef bytes data
    if type(part) is tuple:
        data, start, end = part
    else:
        data = part
        end = len(data)
    if data is None or not 0 <= start <= end <= len(data):
        raise ValueError(f"a part from {start} to {end} of {0 if data is None else len(data)} bytes")
    to.iov_base = PyBytes_AS_STRING(data) + start
    to.iov_len = end - start
    return 0
