"""Declares the parameter sets of a stream for who sends them again."""

cdef enum:
    MAX_SETS = 12
    MAX_SET_SIZE = 256


cdef struct ParameterSet:
    int kind  # 0: none
    int id
    int size
    unsigned char data[MAX_SET_SIZE]  # the whole unit


cdef class H264ParameterSets:
    cdef ParameterSet sets[MAX_SETS]  # the sequence's before the pictures'
    cdef int count
    cdef bint complete  # there is one of each kind
    cdef void take(self, const unsigned char *payload, int size) noexcept
    cdef void _keep(self, const unsigned char *unit, int size) noexcept
