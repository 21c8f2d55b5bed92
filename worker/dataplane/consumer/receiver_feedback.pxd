"""Declares what the receiver says of a stream that a consumer sends."""

from miso.worker.dataplane.consumer.send_stream cimport SendStream
from miso.worker.dataplane.token_bucket cimport TokenBucket
from miso.worker.dataplane.transport.feedback_taker cimport FeedbackTaker
from miso.worker.rtp.stream_score cimport StreamScore


cdef struct Counted:  # at the last sample of the score
    unsigned long long packets
    long long lost
    unsigned long long repaired
    unsigned long long retransmitted


cdef class ReceiverFeedback(FeedbackTaker):
    cdef public object owner
    cdef public bint trace_nack
    cdef public bint trace_pli
    cdef public bint trace_fir
    cdef readonly StreamScore score
    cdef readonly int packets_lost
    cdef readonly int fraction_lost
    cdef readonly unsigned long long nack_count
    cdef readonly unsigned long long nack_packet_count
    cdef readonly unsigned long long pli_count
    cdef readonly unsigned long long fir_count
    cdef SendStream _stream  # None: it is closed
    cdef TokenBucket _repairs
    cdef TokenBucket _key_frames
    cdef Counted _counted
    cdef long long _scored_us  # when that was

    cdef int open(self) except -1
    cdef void close(self) noexcept
    cdef void _score(self) noexcept
    cdef void _ask_for_key_frame(self) noexcept
