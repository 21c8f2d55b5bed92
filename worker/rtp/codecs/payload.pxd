cimport cython


@cython.final
cdef class PayloadDescriptor:
    cdef public bint is_key_frame
    cdef public bint begins_frame
    cdef public bint ends_frame
    cdef public bint is_dtx
    cdef public int spatial_layer
    cdef public int temporal_layer
    cdef public bint switching_up
    cdef public bint inter_layer
    cdef public bint inter_picture
    cdef public bint discardable
    cdef public int picture_id
    cdef public int picture_id_offset
    cdef public int picture_id_bits
    cdef public int tl0_picture_index
    cdef public int tl0_picture_index_offset
    cdef public int key_index
    cdef public int units
    cdef public bint is_random_access
    cdef public int size

    cpdef void clear(self) noexcept

    cdef int read_picture_id(self, const unsigned char *data, Py_ssize_t size, int position) noexcept
