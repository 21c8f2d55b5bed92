cimport cython
from miso.worker.rtp cimport enums
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


@cython.locals(kind=int)
cpdef bint parse(const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept

@cython.locals(first=cython.uchar)
cpdef void parse_frame_marking(const unsigned char *data, Py_ssize_t offset, Py_ssize_t size, PayloadDescriptor descriptor) noexcept

@cython.locals(head=cython.uchar)
cdef int _unit(const unsigned char *data, Py_ssize_t offset, Py_ssize_t size, int kind) noexcept

cdef void _conclude(PayloadDescriptor descriptor) noexcept

@cython.locals(position=Py_ssize_t, unit_size=Py_ssize_t)
cdef bint _parse_aggregate(const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept
