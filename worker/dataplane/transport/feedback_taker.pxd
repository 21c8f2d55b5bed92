"""Declares who takes what a receiver says of a stream that is sent to it."""

from libc.stdint cimport uint32_t


cdef struct ReportBlock:  # of a receiver report (RFC 3550 section 6.4.1), as far as it is looked at
    int fraction_lost  # of the packets since the report before, 0 to 255
    int total_lost  # may be negative
    uint32_t last_report  # our report that came last there, 0: none did
    uint32_t delay  # since then, in 1/65536 s


cdef class FeedbackTaker:
    cdef void on_report_block(self, const ReportBlock *block) noexcept
    cdef void on_nack(self, const unsigned short *numbers, int count) noexcept
    cdef void on_pli(self) noexcept
    cdef void on_fir(self) noexcept
