"""Declares the libsrtp calls that the plane makes without a Python object."""

from libc.stdint cimport int64_t

from miso.worker.srtp.cipher cimport SrtpWork
from miso.worker.srtp.incoming cimport Incoming
from miso.worker.srtp.outgoing cimport Protection
from miso.worker.srtp.srtcp cimport OutgoingRtcp

cdef class SrtpSession:
    cdef void *_handle  # libsrtp's
    cdef int protect(self, unsigned char *packet, int *size) noexcept
    cdef int unprotect(self, unsigned char *packet, int *size) noexcept
    cdef int protect_rtcp(self, unsigned char *packet, int *size) noexcept
    cdef int unprotect_rtcp(self, unsigned char *packet, int *size) noexcept


cdef class LibsrtpIncoming(Incoming):
    cdef SrtpSession _session


cdef class LibsrtpRtcp(OutgoingRtcp):
    cdef SrtpSession _session


cdef class LibsrtpProtection(Protection):
    cdef SrtpSession _session
    cdef void _wind_to(self, unsigned int ssrc, int64_t highest) noexcept
