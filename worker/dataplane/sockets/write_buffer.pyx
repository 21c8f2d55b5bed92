# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The bytes that wait to be written to a stream socket, in one piece of memory that grows."""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    FIRST_CAPACITY = 16384


cdef class WriteBuffer:
    """First in, first out. Whoever appends sees to it that it does not grow without end."""

    def __dealloc__(self):
        free(self._memory)

    cdef bint reserve(self, int size) noexcept:
        """Makes room for so many bytes more; False when there is no memory."""
        cdef int capacity = self._capacity if self._capacity > 0 else FIRST_CAPACITY
        cdef void *grown
        if self._tail + size <= self._capacity:
            return True
        if self._head > 0:
            memmove(self._memory, self._memory + self._head, self._tail - self._head)
            self._tail -= self._head
            self._head = 0
        while self._tail + size > capacity:
            capacity *= 2
        if capacity > self._capacity:
            grown = realloc(self._memory, capacity)
            if grown == NULL:
                return False
            self._memory = <unsigned char *>grown
            self._capacity = capacity
        return True

    cdef void append(self, const unsigned char *data, int size) noexcept:
        """Adds bytes for which there is room (``reserve``)."""
        memcpy(self._memory + self._tail, data, size)
        self._tail += size

    cdef void drop(self, int size) noexcept:
        """The first bytes have been written."""
        self._head += size

    cdef void clear(self) noexcept:
        """Nothing waits; gives the memory back."""
        free(self._memory)
        self._memory = NULL
        self._head = self._tail = self._capacity = 0
