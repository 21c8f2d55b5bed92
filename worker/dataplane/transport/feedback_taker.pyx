# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Who takes what a receiver says of a stream that is sent to it. A transport finds it by the stream's SSRC."""


cdef class FeedbackTaker:
    """Takes the feedback on one stream; called while a datagram is handled, so nothing here may end the stream."""

    cdef void on_report_block(self, const ReportBlock *block) noexcept:
        """The receiver reports what it got (RFC 3550 section 6.4)."""

    cdef void on_nack(self, const unsigned short *numbers, int count) noexcept:
        """The receiver misses packets (RFC 4585 section 6.2.1)."""

    cdef void on_pli(self) noexcept:
        """The receiver cannot decode the stream any more (RFC 4585 section 6.3.1)."""

    cdef void on_fir(self) noexcept:
        """The receiver wants a key frame of the stream (RFC 5104 section 4.3.1)."""
