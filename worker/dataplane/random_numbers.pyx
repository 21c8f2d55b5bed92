# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Where sequence numbers and timestamps of a stream begin: nobody is to guess it (RFC 3550 section 5.1).

They are asked of the kernel 64 at a time, for a consumer begins several streams. No secrets are made of them.
"""

import os

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cpdef enum:
    COUNT = 64

cdef uint32_t NUMBERS[COUNT]
cdef int left = 0


cdef uint32_t random_u32() except? 0:
    """32 random bits."""
    global left
    cdef bytes fresh
    if left == 0:
        fresh = os.urandom(sizeof(NUMBERS))
        memcpy(NUMBERS, <const unsigned char *>fresh, sizeof(NUMBERS))
        left = COUNT
    left -= 1
    return NUMBERS[left]


def random_number():
    """As ``random_u32``."""
    return random_u32()
