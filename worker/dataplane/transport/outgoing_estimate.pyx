# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the way to a transport's peer carries, by its transport-wide feedback."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.rounds cimport NEVER, Turn
from miso.worker.dataplane.transport.probation cimport ProbationStream
from miso.worker.dataplane.transport.sending_half cimport SendingHalf

from miso.worker.dataplane.events import ProbationTraced

cdef enum:
    MAX_AT_ONCE = 64  # probation packets; a turn that comes late must not flood the way
    STEP_US = 1000  # the least time between two looks at what is to be probed


cdef class OutgoingEstimate(Turn):
    """The send-side estimate of one transport: it remembers what consumers send with a transport-wide number.

    Its turns send probation packets.
    """

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

    cpdef bint wants_probation(self) noexcept:
        """Whether its turn is to come now."""
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

    cdef int64_t take(self, int64_t at_us, int64_t now_us, uint64_t ntp) noexcept:
        cdef int64_t next_us
        cdef int size, count = 0
        if not self._probation.is_ready():
            return NEVER
        size = self._estimator.probation_due(now_us)
        while size > 0 and count < MAX_AT_ONCE and self._probation.send(size) > 0:
            if self.trace_probation:
                self._transport.plane.events.append(ProbationTraced(self, self._probation.describe(size)))
            count += 1
            size = self._estimator.probation_due(now_us)
        next_us = self._estimator.next_probation_us()
        return NEVER if next_us < 0 else max(next_us - at_us, STEP_US)

    def close(self):
        """Forgets what was sent. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._transport.outgoing = None
        self._probation.close()
