"""Declares the libsrtp calls that the plane makes without a Python object."""


cdef class SrtpSession:
    cdef object _session
    cdef void *_handle
    cdef int protect(self, unsigned char *packet, int *size) noexcept
    cdef int unprotect(self, unsigned char *packet, int *size) noexcept
    cdef int protect_rtcp(self, unsigned char *packet, int *size) noexcept
    cdef int unprotect_rtcp(self, unsigned char *packet, int *size) noexcept
    cdef void forget(self, unsigned int ssrc) noexcept
