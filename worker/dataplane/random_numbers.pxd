from libc.stdint cimport uint32_t


cdef uint32_t random_u32() except? 0
