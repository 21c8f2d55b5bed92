# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the receiver of a stream is told of it, and when (RFC 3550 section 6.4.1)."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from miso.worker.dataplane.consumer.consumer cimport ConsumerPlane
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.reports.interval cimport is_over
from miso.worker.rtcp.compound_writer cimport MAX_CNAME, SenderEntry

cdef enum:
    FLOWS_US = 1000000  # a stream whose last packet is older stands still
    # How far what is captured may be from what arrives: pictures wait in encoders and queues, but do not come early.
    MAX_EARLY_S = 1
    MAX_LATE_S = 10


cdef class SentReport:
    """The sender reports of one stream that a consumer sends.

    Attributes:
        stream: That is reported on.
    """

    def __init__(self, ConsumerPlane stream not None, bytes cname not None, int clock_rate, int interval_us):
        if len(cname) > MAX_CNAME:
            raise ValueError(f"CNAME has {len(cname)} bytes, at most {MAX_CNAME} are allowed")
        self.stream = stream
        self._cname = cname
        self._clock_rate = clock_rate
        self._interval_us = interval_us

    cdef bint is_due(self, int64_t now_us) noexcept:
        return self._reported_packets == 0 or is_over(self._interval_us, now_us - self._reported_us)

    cdef bint describe(self, int64_t now_us, uint64_t ntp, SenderEntry *entry) noexcept:
        """Fills in the report of now, without the echo of the receiver's clock; False when there is none.

        It tells the time of capture by the sender's own reports, else that of arrival. A stream that stands still is
        not reported on (RFC 3550 section 6.4): nobody knows what its clock does.
        """
        cdef ConsumerPlane stream = self.stream
        cdef ReceiveStream source
        cdef unsigned int timestamp = 0
        cdef bint is_captured, runs_on
        if stream.packets == 0 or stream.closed:
            return False
        source = self._source()
        is_captured = self._captured_at(source, now_us, ntp, &timestamp)
        if now_us - stream.last_packet_us > FLOWS_US:  # only its sender knows that its clock runs on
            runs_on = source is not None and source.sender_report_us >= stream.last_packet_us
            if not is_captured or not runs_on or stream.packets == self._reported_packets:
                return False
        self._reported_packets = stream.packets
        self._reported_us = now_us
        entry.ssrc = stream.ssrc
        entry.ntp = ntp
        entry.rtp_timestamp = timestamp if is_captured else stream._timestamps.at(now_us)
        entry.packet_count = <unsigned int>stream.packets
        entry.octet_count = <unsigned int>stream.bytes
        entry.cname = self._cname
        entry.cname_size = <int>len(self._cname)
        return True

    cdef ReceiveStream _source(self) noexcept:
        """The stream that it forwards, None when it has ended."""
        cdef ConsumerPlane stream = self.stream
        if not 0 <= stream.forwarded_stream < len(stream.streams):
            return None
        return stream.streams[stream.forwarded_stream]

    cdef bint _captured_at(self, ReceiveStream source, int64_t now_us, uint64_t ntp, unsigned int *timestamp) noexcept:
        """With which timestamp what is captured now would be sent; False: its sender does not say, or is wrong."""
        cdef unsigned int captured = 0
        cdef int64_t ahead
        if source is None or not source.captured_at(now_us, ntp, &captured):
            return False
        timestamp[0] = captured + self.stream._timestamps.offset()
        ahead = <int32_t>(timestamp[0] - self.stream._timestamps.at(now_us))
        return -MAX_EARLY_S * <int64_t>self._clock_rate <= ahead <= MAX_LATE_S * <int64_t>self._clock_rate
