"""Declares for the transport who sees to packets that no stream has claimed."""

from libc.stdint cimport uint32_t

from miso.worker.dataplane.plane cimport Plane
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.ssrc_table cimport SsrcTable


cdef enum:
    MAX_REPORTED = 16  # SSRCs of a wake-up: a peer that invents them costs control this much and no more


cdef class UnknownSsrcs:
    cdef int mid_id, rid_id, repaired_rid_id  # 0: not used
    cdef Plane _plane
    cdef SsrcTable _judged  # SSRC → mark of its packet that was reported last, with IGNORED when that led to nothing
    cdef long long _paid_until_us  # the end of the time that reports which led to nothing have cost
    cdef uint32_t _ssrcs[MAX_REPORTED]  # reported in this wake-up
    cdef Py_ssize_t _events[MAX_REPORTED]  # where plane.events has them
    cdef int _count  # of them
    cdef int _held  # packets that are handed to control with those that were reported
    cdef unsigned long long _wakeup  # of the plane, that these three are about

    cdef bint ignores(self, RtpHeader header, const unsigned char *data, int size) noexcept
    cdef bint names_other_mid(self, RtpHeader header, const unsigned char *data, bytes mid) noexcept
    cdef inline bint holds(self, uint32_t ssrc) noexcept:
        """Whether packets of the SSRC wait for control, which comes after this wake-up."""
        return self._wakeup == self._plane.wakeup and self._find(ssrc) >= 0
    cdef int _find(self, uint32_t ssrc) noexcept
    cdef bint report(
        self, object transport, RtpHeader header, const unsigned char *data, int size, bint has_stream
    ) noexcept
    cdef void ignore(self, uint32_t ssrc) noexcept
    cdef void reconsider(self) noexcept
    cdef void begin_anew(self) noexcept
    cdef size_t _mark(self, RtpHeader header, const unsigned char *data) noexcept
    cdef void _pay(self) noexcept
    cdef object text(self, RtpHeader header, const unsigned char *data, int extension_id)
    cdef dict describe(self, RtpHeader header, const unsigned char *data)
