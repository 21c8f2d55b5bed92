cimport cython
from miso.worker.bwe cimport enums
from miso.worker.bwe.inter_arrival cimport InterArrival
from miso.worker.bwe.loss_control cimport LossControl
from miso.worker.bwe.probe_control cimport ProbeControl
from miso.worker.bwe.probe_results cimport ProbeResults
from miso.worker.bwe.probe_sender cimport ProbeSender
from miso.worker.bwe.rate_control cimport RateControl
from miso.worker.bwe.receiver_clock cimport ReceiverClock
from miso.worker.bwe.sent_packets cimport SentPackets
from miso.worker.bwe.trendline cimport TrendlineDetector
from miso.worker.rtcp.arrivals cimport ArrivalReader
from miso.worker.rtp.rate cimport RateCalculator

cdef int _WINDOW_US
cdef int _MIN_WINDOW_US
cdef int _OF_USE
cdef int _MAX_GAP
cdef int _MAX_GAP_US
cdef double _MIN_RTT_MS
cdef double _MAX_RTT_MS
cdef double _RTT_SMOOTHING
cdef double _RTT_SAMPLE
cdef double _AVERAGE_SMOOTHING
cdef double _KEPT
cdef double _ABOVE_AVERAGE
cdef double _HEADROOM_BPS
cdef double _ALL_ARRIVES
cdef int _TEMPER_US
cdef double _REPAIRS
cdef double _MIN_REPAIRS_BPS
cdef int _SILENCE_US
cdef int _SILENCE_PACKETS
cdef int _DECAY_US
cdef double _DECAY


@cython.final
cdef class SendSideEstimator:
    # What each packet needs comes first: consumers fetch so much into the cache ahead (``consumer/prefetch.pxd``).
    cdef SentPackets _sent
    cdef ProbeSender _probe_sender
    cdef RateCalculator _sending
    cdef long long _reported
    cdef long long _sent_since_feedback
    cdef readonly double rtt_ms
    cdef readonly long long feedback_count
    cdef double _min_bps
    cdef double _max_bps
    cdef ArrivalReader _reader
    cdef InterArrival _inter_arrival
    cdef TrendlineDetector _detector
    cdef RateControl _control
    cdef LossControl _loss
    cdef ProbeControl _probes
    cdef ProbeResults _probe_results
    cdef double _tried_bps[enums.CLUSTERS]
    cdef RateCalculator _acknowledged
    cdef RateCalculator _retransmitting
    cdef long long _gap_begin
    cdef long long _gap_end
    cdef ReceiverClock _clock
    cdef long long _first_arrival_us
    cdef double _average_bps
    cdef long long _tempered_us
    cdef long long _last_feedback_us
    cdef long long _last_decay_us
    cdef long long _losses_from
    cdef int _lost
    cdef int _total
    cdef int _measured_cluster
    cdef double _told_low_bps
    cdef double _told_high_bps

    @cython.locals(cluster=int)
    cpdef void on_sent(self, unsigned short sequence_number, int size, long long now_us) noexcept

    cpdef bint may_retransmit(self, long long now_us) noexcept

    cpdef void on_retransmitted(self, Py_ssize_t size, long long now_us) noexcept

    cpdef int probation_due(self, long long now_us) noexcept

    cpdef long long next_probation_us(self) noexcept

    @cython.locals(problem=int, base=cython.longlong, before=double, floor_bps=double)
    cpdef int on_feedback(self, const unsigned char *body, Py_ssize_t size, long long now_us) noexcept

    @cython.locals(begin=cython.longlong, end=cython.longlong)
    cdef void _count_statuses(self, long long base) noexcept

    @cython.locals(
        newest_us=cython.longlong, newest_number=cython.longlong, index=int, number=cython.longlong,
        arrival_us=cython.longlong, sample_ms=double,
    )
    cdef void _take_arrivals(self, long long base, long long now_us) noexcept

    @cython.locals(sent_us=cython.longlong, size=int, cluster=int)
    cdef void _take_arrival(self, long long number, long long arrival_us) noexcept

    @cython.locals(number=cython.longlong, before_us=cython.longlong)
    cdef void _fill_gap(self, long long sent_us, long long arrival_us) noexcept

    @cython.locals(state=int, acknowledged=double, delay_before=double, after=double)
    cdef void _update(self, double before, long long now_us) noexcept

    @cython.locals(window_us=cython.longlong, bitrate=double)
    cdef double _acknowledged_bps(self) noexcept

    @cython.locals(floor=double, ceiling=double)
    cdef void _temper(self, double before, double acknowledged, long long now_us) noexcept

    @cython.locals(result=double)
    cdef void _take_measurement(self, double acknowledged, int state, long long now_us) noexcept

    cdef void _clamp(self) noexcept

    @cython.locals(bitrate=double)
    cpdef double bitrate(self) noexcept

    cpdef double fraction_lost(self) noexcept

    cpdef void tell_outside(self, double low_bps, double high_bps) noexcept

    @cython.locals(bitrate=double)
    cpdef bint has_news(self) noexcept

    cpdef void set_limits(self, double min_bitrate_bps, double max_bitrate_bps, bint probing, long long now_us) noexcept

    cpdef void on_tick(self, long long now_us) noexcept

    @cython.locals(rate=double)
    cdef void _queue_probes(self, long long now_us) noexcept
