# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The look at what may be sent to a receiver that each transport takes about once a second.

Where all that is sent are whole streams there is nothing to share out: what they desire is added up, and the estimate is
kept near that. Where layers are to be chosen control does it, and is told that it is time.
"""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.dataplane.bandwidth.desired_trend cimport DesiredTrend
from miso.worker.dataplane.consumer.consumer cimport ConsumerPlane
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.rounds cimport NEVER, Turn
from miso.worker.dataplane.transport.sending_half cimport SendingHalf

from miso.worker.dataplane.events import BandwidthDue, ProbationDue

cdef enum:
    MIN_BITRATE_BPS = 30000
    INTERVAL_US = 1000000

cdef double HEADROOM = 1.35  # so much of the desired bitrate is looked for: it may rise before the next estimate
cdef double MARGIN = 0.1  # the estimate's limit is left alone unless it changes by more than this part: each change costs
# probing
cdef double SHARP_DECREASE = 0.75  # an estimate that has left this range of what was told last is told at once
cdef double SHARP_INCREASE = 1.5


cdef class WholeStream:
    """A consumer of all that a producer's only stream brings."""

    def __init__(self, ConsumerPlane consumer not None, int64_t max_bps):
        self.consumer = consumer
        self._max_bps = max_bps

    cdef int64_t desired_bps(self, int64_t now_us) noexcept:
        """What it would take without limit, 0 while nothing may flow."""
        cdef ConsumerPlane consumer = self.consumer
        cdef ReceiveStream stream
        if not consumer.active or len(consumer.streams) == 0 or consumer.streams[0] is None:
            return 0
        stream = consumer.streams[0]
        return max(stream.rates.whole.bitrate(now_us), self._max_bps)


cdef class OutgoingTurn(Turn):
    """What one transport may send, and desires to send.

    Attributes:
        owner: What hears of events.
        estimate: By transport-wide feedback; None: the receiver tells its own.
        min_bps: The controller's lower limit of what may be sent, 0 for none.
        max_bps: The controller's upper limit, 0 for none.
        remb_bps: What the receiver told last (draft-alvestrand-rmcat-remb-03).
        connected: Whether the receiver is there, and anything is estimated.
        asks_control: Control is to look at it each time, by ``BandwidthDue``.
        desired_bps: What would be sent without limit, as of the last look.
        limit_bps: What the estimate is kept below; 0 before there was a receiver.
        told_bps: What might be sent as it was told last.
        trend: Of what is desired.
    """

    def __init__(self, SendingHalf transport not None, int64_t initial_bps):
        self._transport = transport
        self._initial_bps = self.remb_bps = max(initial_bps, MIN_BITRATE_BPS)
        self.trend = DesiredTrend()
        self._whole = []

    @property
    def lowest_bps(self):
        """What may be sent in any case."""
        return self._lowest_bps()

    @property
    def available_bps(self):
        """What may be sent, 0 before there was a receiver."""
        return self._available_bps()

    def add_whole(self, ConsumerPlane consumer not None, int64_t max_bps):
        """A consumer of a producer's only stream came, which was promised so much (0: nothing)."""
        self._whole.append(WholeStream(consumer, max_bps))

    def remove_whole(self, ConsumerPlane consumer not None):
        """It is gone; no effect when it was not there."""
        for index in range(len(self._whole)):
            if (<WholeStream>self._whole[index]).consumer is consumer:
                del self._whole[index]
                return

    def whole_bps(self, int64_t now_us):
        """What the consumers of whole streams desire."""
        return self._desired_bps(now_us)

    def take_desired(self, int64_t desired_bps, int64_t now_us, bint force):
        """So much is desired by all; ``force``: it fell for good. The estimate's limits follow."""
        self._take_desired(desired_bps, now_us, force)

    def apply_limits(self, int64_t now_us):
        """The controller's limits, or whether the receiver is there, have changed."""
        self._apply_limits(now_us)

    def keep_told(self):
        """What is available now was told to whoever wants to know."""
        self._keep_told()

    def begin_second(self, int64_t now_us):
        """The next look is to be a second from now."""
        self._told_us = now_us

    def is_told(self):
        """Whether what is available is near what was told last."""
        return self.told_bps * SHARP_DECREASE <= self._available_bps() <= self.told_bps * SHARP_INCREASE

    cdef int64_t take(self, int64_t at_us, int64_t now_us, uint64_t ntp) noexcept:
        cdef int64_t elapsed_us = at_us - self._told_us
        cdef bint is_due = elapsed_us >= INTERVAL_US
        if self.estimate is not None:
            self.estimate.on_tick(now_us)
        if is_due:
            self._told_us = at_us
        if is_due and self.asks_control:
            self._transport.plane.events.append(BandwidthDue(self))
        elif is_due:
            self._take_desired(self._desired_bps(now_us), now_us, False)
            self._keep_told()
        if self.estimate is not None and self.estimate.due_us == NEVER and self.estimate.wants_probation():
            self._transport.plane.events.append(ProbationDue(self))
        return INTERVAL_US - (0 if is_due else elapsed_us)

    cdef int64_t _lowest_bps(self) noexcept:
        return max(self.min_bps, MIN_BITRATE_BPS)

    cdef int64_t _available_bps(self) noexcept:
        if self.limit_bps == 0:
            return 0
        if self.estimate is not None:
            return self.estimate.bitrate()
        return max(self._lowest_bps(), min(self.limit_bps, self.remb_bps))

    cdef int64_t _desired_bps(self, int64_t now_us) noexcept:
        cdef WholeStream stream
        cdef int64_t result = 0
        for stream in self._whole:
            result += stream.desired_bps(now_us)
        return result

    cdef void _take_desired(self, int64_t desired_bps, int64_t now_us, bint force) noexcept:
        self.desired_bps = desired_bps
        self.trend.update(desired_bps, now_us, force)
        self._apply_limits(now_us)

    cdef void _apply_limits(self, int64_t now_us) noexcept:
        """The estimate need not know more than somewhat above what is desired."""
        cdef int64_t limit_bps = self._initial_bps
        cdef int64_t trend_bps = self.trend.bitrate_bps
        if trend_bps > 0:
            limit_bps = max(limit_bps, <int64_t>(trend_bps * HEADROOM))
            if max(self.limit_bps - limit_bps, limit_bps - self.limit_bps) < MARGIN * limit_bps:
                limit_bps = self.limit_bps
        if self.max_bps > 0:
            limit_bps = min(limit_bps, self.max_bps)
        self.limit_bps = max(limit_bps, self._lowest_bps())
        if self.estimate is not None:
            self.estimate.set_limits(self._lowest_bps(), self.limit_bps, self.connected and trend_bps > 0, now_us)

    cdef void _keep_told(self) noexcept:
        self.told_bps = self._available_bps()
        if self.estimate is not None:
            self.estimate.tell_outside(self.told_bps * SHARP_DECREASE, self.told_bps * SHARP_INCREASE)
