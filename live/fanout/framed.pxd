# A packet as all players of a format get it.
from miso.live.fanout.posix cimport iovec


cdef class Framed:
    cdef iovec *parts
    cdef int count
    cdef size_t size  # bytes of all parts
    cdef long long time_ms
    cdef bint is_video
    cdef bint is_key
    cdef bint is_config
    cdef bint is_data
    cdef tuple _owner  # keeps alive what the parts point into
