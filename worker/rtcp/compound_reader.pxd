cimport cython
from miso.worker.rtcp cimport enums

cdef int _HEADER_SIZE
cdef int _VERSION
cdef int _PADDING
cdef int _COUNT
cdef int _SENDER_REPORT
cdef int _RECEIVER_REPORT
cdef int _SOURCE_DESCRIPTION
cdef int _GOODBYE
cdef int _APPLICATION_DEFINED
cdef int _TRANSPORT_FEEDBACK
cdef int _PAYLOAD_FEEDBACK
cdef int _EXTENDED_REPORT
cdef int _NACK_FORMAT
cdef int _TRANSPORT_WIDE_FORMAT
cdef int _PLI_FORMAT
cdef int _FIR_FORMAT
cdef int _APPLICATION_FORMAT
cdef int _SSRC_SIZE
cdef int _SENDER_SIZE
cdef int _BLOCK_SIZE
cdef int _FEEDBACK_HEAD_SIZE
cdef int _NACK_ENTRY_SIZE
cdef int _BITMASK_BITS
cdef int _FIR_ENTRY_SIZE
cdef unsigned int _REMB_NAME
cdef int _REMB_HEAD_SIZE
cdef int _MANTISSA_BITS
cdef int _BITRATE_BITS
cdef int _REFERENCE_TIME
cdef int _DELAYS
cdef int _REFERENCE_TIME_SIZE
cdef int _DELAY_SIZE


cdef int _read16(const unsigned char *data, Py_ssize_t at) noexcept

@cython.locals(number=cython.uint)
cdef unsigned int _read32(const unsigned char *data, Py_ssize_t at) noexcept


@cython.final
cdef class CompoundReader:
    cdef readonly int problem
    cdef readonly int have
    cdef readonly int need
    cdef readonly int at
    cdef readonly int size
    cdef readonly unsigned int ssrc
    cdef readonly unsigned long long ntp
    cdef readonly unsigned int rtp_timestamp
    cdef readonly int count
    cdef readonly unsigned long long bitrate_bps
    cdef readonly unsigned int block_ssrc
    cdef readonly int fraction_lost
    cdef readonly int total_lost
    cdef readonly unsigned int last_report
    cdef readonly unsigned int delay
    cdef int _offset
    cdef int _members
    cdef int _blocks_at
    cdef unsigned short _numbers[1024]
    cdef unsigned short _delays_at[256]

    cpdef void begin(self) noexcept

    @cython.locals(left=int, at=int, length=int, padding=int)
    cpdef int next(self, const unsigned char *data, int size) noexcept

    cpdef str explain(self)

    cpdef int number(self, int index) noexcept

    @cython.locals(at=int, lost=int)
    cpdef void read_block(self, const unsigned char *data, int index) noexcept

    @cython.locals(at=int)
    cpdef void read_delay(self, const unsigned char *data, int index) noexcept

    cpdef unsigned int fir_ssrc(self, const unsigned char *data, int index) noexcept

    cdef int _refuse(self, int problem, int have, int need) noexcept

    cdef int _read(self, const unsigned char *data, int packet_type, int count) noexcept

    @cython.locals(need=int)
    cdef int _read_sender_report(self, const unsigned char *data, int count) noexcept

    @cython.locals(need=int)
    cdef int _read_receiver_report(self, const unsigned char *data, int count) noexcept

    @cython.locals(offset=int, begin=int, kind=int)
    cdef int _read_extended_report(self, const unsigned char *data) noexcept

    @cython.locals(offset=int)
    cdef int _read_transport_feedback(self, const unsigned char *data, int form) noexcept

    @cython.locals(step=int)
    cdef void _add_number(self, int packet_id, int wanted) noexcept

    cdef int _read_payload_feedback(self, const unsigned char *data, int form) noexcept

    @cython.locals(at=int, need=int, exponent=int, mantissa=cython.ulonglong)
    cdef int _read_remb(self, const unsigned char *data) noexcept

    @cython.locals(offset=int, need=int, _=int)
    cdef int _check_source_description(self, const unsigned char *data, int count) noexcept

    @cython.locals(need=int)
    cdef int _check_goodbye(self, const unsigned char *data, int count) noexcept
