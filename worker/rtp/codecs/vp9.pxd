cimport cython
from miso.worker.rtp cimport enums
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


@cython.locals(first=cython.uchar, position=int, count=int)
cpdef bint parse(const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept

@cython.locals(head=cython.uchar, pictures=int, _picture=int)
cdef int _skip_scalability_structure(const unsigned char *data, Py_ssize_t size, int position) noexcept
