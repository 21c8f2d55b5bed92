cimport cython

cdef unsigned int _TABLES[2048]

@cython.locals(crc=cython.uint, low=cython.uint, position=Py_ssize_t)
cdef unsigned int _crc32c(const unsigned char *data, Py_ssize_t size) noexcept
