"""Declares the writer of compound packets of reports, for who has something to report."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

cdef enum:
    MAX_REPORTS = 31  # sender reports (their SDES packet has 5 bits to count them), and likewise report blocks
    MAX_COMPOUND = 1252  # bytes: MTU of 1500 without IPv6, UDP and SRTP's share
    MAX_CNAME = 255


cdef struct SenderEntry:  # a sender report, with what is said of its stream beside it
    uint64_t ntp
    uint32_t ssrc
    uint32_t rtp_timestamp
    uint32_t packet_count
    uint32_t octet_count
    const unsigned char *cname  # must stay where it is until the compound is written
    int cname_size  # at most MAX_CNAME
    bint has_delay  # the two below say something
    uint32_t last_rr  # the echo of the receiver's reference time, RFC 3611 section 4.5
    uint32_t delay


cdef struct BlockEntry:  # a report block, RFC 3550 section 6.4.1
    uint32_t ssrc
    uint32_t fraction_lost
    int32_t total_lost  # 24 bits
    uint32_t highest_sequence
    uint32_t jitter
    uint32_t last_sr
    uint32_t delay_since_last_sr


cdef class CompoundWriter:
    cdef SenderEntry _senders[MAX_REPORTS]
    cdef BlockEntry _blocks[MAX_REPORTS]
    cdef int _sender_count
    cdef int _block_count
    cdef int _delay_count  # of the senders' echoes
    cdef int _size  # what it will take at most
    cdef uint64_t _reference_ntp  # our time for receiver reports to be echoed; with no block there is none
    cdef list _kept  # CNAMEs that came from Python

    cdef bint add_sender(self, const SenderEntry *entry) noexcept
    cdef bint add_blocks(self, const BlockEntry *blocks, int count, uint64_t reference_ntp) noexcept
    cdef int write(self, unsigned char *target) noexcept
    cdef unsigned char *_write_sender(self, unsigned char *at, const SenderEntry *entry) noexcept
    cdef unsigned char *_write_blocks(self, unsigned char *at) noexcept
    cdef unsigned char *_write_names(self, unsigned char *begin) noexcept
    cdef unsigned char *_write_extended(self, unsigned char *begin) noexcept
