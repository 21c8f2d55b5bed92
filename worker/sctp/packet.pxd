cimport cython

@cython.locals(offset=Py_ssize_t, length=Py_ssize_t)
cdef list _chunk_places(const unsigned char *data, Py_ssize_t size)
