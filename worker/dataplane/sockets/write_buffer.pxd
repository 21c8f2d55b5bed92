"""Declares the bytes that wait to be written to a stream socket."""


cdef class WriteBuffer:
    cdef unsigned char *_memory
    cdef int _head  # where in it the first byte is that is to be written next
    cdef int _tail  # where the bytes end
    cdef int _capacity  # bytes of memory

    cdef inline int size(self) noexcept:
        """How many bytes wait."""
        return self._tail - self._head
    cdef inline unsigned char *begin(self) noexcept:
        return self._memory + self._head
    cdef bint reserve(self, int size) noexcept
    cdef void append(self, const unsigned char *data, int size) noexcept
    cdef void drop(self, int size) noexcept
    cdef void clear(self) noexcept
