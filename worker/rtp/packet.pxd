cimport cython
from miso.worker.rtp cimport enums


@cython.locals(first=cython.uchar, second=cython.uchar)
cpdef int classify(const unsigned char *data, Py_ssize_t size) noexcept


@cython.final
cdef class RtpHeader:
    cdef public bint marker
    cdef public int payload_type
    cdef public unsigned short sequence_number
    cdef public unsigned int timestamp
    cdef public unsigned int ssrc
    cdef public int csrc_count
    cdef public Py_ssize_t payload_offset
    cdef public Py_ssize_t payload_size
    cdef public Py_ssize_t padding_size
    cdef public bint has_extension
    cdef public int extension_profile
    cdef public Py_ssize_t extension_offset
    cdef public Py_ssize_t extension_size
    cdef public int element_count
    cdef public unsigned short element_ids[enums.MAX_ELEMENTS]
    cdef public unsigned short element_sizes[enums.MAX_ELEMENTS]
    cdef public int element_offsets[enums.MAX_ELEMENTS]

    @cython.locals(offset=Py_ssize_t, words=Py_ssize_t, first=cython.uchar, padding=Py_ssize_t)
    cpdef int parse(self, const unsigned char *data, Py_ssize_t size) noexcept

    @cython.locals(index=int)
    cpdef int find_extension(self, int extension_id) noexcept

    @cython.locals(position=Py_ssize_t, end=Py_ssize_t, head=cython.uchar, element_id=int, length=int)
    cdef void _index_one_byte(self, const unsigned char *data) noexcept

    @cython.locals(position=Py_ssize_t, end=Py_ssize_t, element_id=int, length=int)
    cdef void _index_two_byte(self, const unsigned char *data) noexcept

    cdef void _add_element(self, int element_id, Py_ssize_t offset, int length) noexcept
