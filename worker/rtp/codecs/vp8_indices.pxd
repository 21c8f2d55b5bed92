cimport cython
from miso.worker.rtp cimport enums
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.sequence cimport SequenceMapper



@cython.final
cdef class Vp8Indices:
    cdef SequenceMapper _pictures
    cdef int _tl0_offset
    cdef int _max_tl0
    cdef int _key_offset
    cdef int _max_key

    cpdef void begin(self, PayloadDescriptor payload) noexcept

    cpdef void drop(self, PayloadDescriptor payload) noexcept

    @cython.locals(step=int)
    cpdef bint is_repeated(self, PayloadDescriptor payload) noexcept

    @cython.locals(picture_id=int, tl0=int, key=int)
    cpdef int map(self, PayloadDescriptor payload) noexcept


@cython.locals(flags=cython.uchar, position=int)
cpdef void write(unsigned char *data, Py_ssize_t size, unsigned int word) noexcept
