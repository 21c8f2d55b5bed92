# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the way to a transport's peer carries, by its transport-wide feedback."""

from libc.stdint cimport int64_t

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.transport.probation cimport ProbationStream
from miso.worker.dataplane.transport.sending_half cimport SendingHalf

from miso.worker.dataplane.events import ProbationTraced

cdef enum:
    MAX_AT_ONCE = 64  # probation packets; a timer that comes late must not flood the way


cdef class OutgoingEstimate:
    """The send-side estimate of one transport: it remembers what consumers send with a transport-wide number."""

    def __init__(
        self,
        SendingHalf transport not None,
        *,
        double start_bitrate_bps,
        double min_bitrate_bps,
        int mid_id,
        int abs_send_time_id,
        int transport_wide_cc_id,
    ):
        self._transport = transport
        self._estimator = SendSideEstimator(start_bitrate_bps, min_bitrate_bps)
        self._probation = ProbationStream(
            transport, mid_id=mid_id, abs_send_time_id=abs_send_time_id, transport_wide_cc_id=transport_wide_cc_id
        )
        transport.outgoing = self._estimator

    @property
    def bitrate_bps(self):
        """What the way carries, within the limits."""
        return self.bitrate()

    @property
    def fraction_lost(self):
        """Of the last second or so, 0.0 to 1.0."""
        return self._estimator.fraction_lost()

    @property
    def rtt_ms(self):
        """Round-trip time by feedback, 0 while unknown."""
        return self._estimator.rtt_ms

    cdef int64_t bitrate(self) noexcept:
        """As ``bitrate_bps``."""
        return <int64_t>self._estimator.bitrate()

    cdef bint wants_probation(self) noexcept:
        """Whether ``send_probation`` is to be called."""
        return self._probation.is_ready() and self._estimator.next_probation_us() >= 0

    cpdef void tell_outside(self, double low_bps, double high_bps) noexcept:
        """Feedback after which the estimate is not between these bitrates makes an ``EstimateChanged``."""
        self._estimator.tell_outside(low_bps, high_bps)

    cpdef void set_limits(
        self, double min_bitrate_bps, double max_bitrate_bps, bint probing, long long now_us
    ) noexcept:
        """Keeps the estimate between two bitrates; ``probing`` when the peer is there and more is wanted."""
        self._estimator.set_limits(min_bitrate_bps, max_bitrate_bps, probing, now_us)

    cpdef void on_tick(self, long long now_us) noexcept:
        """To be called about once a second, whether or not feedback comes."""
        self._estimator.on_tick(now_us)

    def send_probation(self, long long now_us):
        """Sends what is due; returns when to call again (monotonic microseconds), -1 when no probing goes on."""
        cdef SendingHalf transport = self._transport
        cdef int size, count = 0
        if not self._probation.is_ready():
            return -1
        size = self._estimator.probation_due(now_us)
        if size > 0:
            transport.plane.begin(now_us)
            while size > 0 and count < MAX_AT_ONCE:
                if self._probation.send(size) == 0:
                    break
                if self.trace_probation:
                    transport.plane.events.append(ProbationTraced(self, self._probation.describe(size)))
                count += 1
                size = self._estimator.probation_due(now_us)
            transport.plane.batch.release()
            transport.plane.settle()
        return self._estimator.next_probation_us()

    def close(self):
        """Forgets what was sent. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._transport.outgoing = None
        self._probation.close()
