# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The send-side bandwidth estimate from transport-wide feedback.

draft-ietf-rmcat-gcc-02, draft-holmer-rmcat-transport-wide-cc-extensions-01. The lower of two estimates counts: one from
the trend of the delay, one from loss. Probe clusters find out what the way carries beyond what the application sends.
"""

from __future__ import annotations

from miso.worker.bwe import enums
from miso.worker.bwe.inter_arrival import InterArrival
from miso.worker.bwe.loss_control import LossControl
from miso.worker.bwe.probe_control import ProbeControl
from miso.worker.bwe.probe_results import ProbeResults
from miso.worker.bwe.probe_sender import ProbeSender
from miso.worker.bwe.rate_control import RateControl
from miso.worker.bwe.receiver_clock import ReceiverClock
from miso.worker.bwe.sent_packets import SentPackets
from miso.worker.bwe.trendline import TrendlineDetector
from miso.worker.rtcp.arrivals import ArrivalReader
from miso.worker.rtp.rate import RateCalculator

# C numbers in the .pxd
_WINDOW_US = 500000  # of bitrates
_MIN_WINDOW_US = 150000  # nothing is told of a bitrate from less
_OF_USE = 8192  # numbers back from the newest: feedback that begins before it came too late
_MAX_GAP = 512  # packets for which lost feedback is made up
_MAX_GAP_US = 1000000
_MIN_RTT_MS = 10.0  # as the estimate reckons with it
_MAX_RTT_MS = 1000.0
_RTT_SMOOTHING = 0.8
_RTT_SAMPLE = 0.2
_AVERAGE_SMOOTHING = 0.2
_KEPT = 0.85  # of what arrives, or of the estimate: one decrease does not go below
_ABOVE_AVERAGE = 1.1  # of what arrives on average, and so much more, the estimate may rise to
_HEADROOM_BPS = 10000.0
_ALL_ARRIVES = 0.9  # of what is sent
_TEMPER_US = 2000000
_REPAIRS = 0.5  # of the estimate may be retransmissions
_MIN_REPAIRS_BPS = 100000.0
_SILENCE_US = 2000000  # without feedback, and so many packets sent meanwhile: the estimate decays
_SILENCE_PACKETS = 20
_DECAY_US = 1000000
_DECAY = 0.8
_shared_reader = ArrivalReader()  # what it holds is used up before the next feedback is read


class SendSideEstimator:
    """Fed with each packet that is sent with a transport-wide number, and with the receiver's feedback.

    Nothing that feedback claims reaches beyond this object, and its cost is bounded by its size and by what was sent:
    numbers never sent, sent too long ago, or reported before are skipped.

    Attributes:
        rtt_ms: round-trip time, 0 while unknown.
        feedback_count: feedback packets that were read.
    """

    def __init__(self, start_bitrate_bps: float, min_bitrate_bps: float) -> None:
        self.rtt_ms = 0.0
        self.feedback_count = 0
        self._min_bps = min_bitrate_bps
        self._max_bps = start_bitrate_bps
        self._sent = SentPackets()
        self._reader = _shared_reader
        self._inter_arrival = InterArrival()
        self._detector = TrendlineDetector()
        self._control = RateControl(start_bitrate_bps, min_bitrate_bps)
        self._control.is_starting = False  # probes find the way's capacity faster, and do not have to fill it
        self._loss = LossControl()
        self._probes = ProbeControl()
        self._probe_sender = ProbeSender()
        self._probe_results = ProbeResults()
        self._tried_bps = [0.0] * 8  # CLUSTERS: the bitrate with which each was sent
        self._acknowledged = RateCalculator(_WINDOW_US)
        self._sending = RateCalculator(_WINDOW_US)
        self._retransmitting = RateCalculator(_WINDOW_US)
        self._reported = -1  # numbers below were reported on
        self._gap_begin = 0  # numbers from here to the end were in no feedback that came
        self._gap_end = 0
        self._clock = ReceiverClock()
        self._first_arrival_us = -1  # by that clock
        self._average_bps = -1.0  # acknowledged
        self._tempered_us = -_TEMPER_US  # when a fall was last held up
        self._last_feedback_us = -1
        self._sent_since_feedback = 0  # packets
        self._last_decay_us = 0
        self._losses_from = 0  # of earlier packets no loss is counted: a decrease has answered it
        self._lost = 0  # of the statuses of the last feedback that are counted
        self._total = 0
        self._measured_cluster = 0  # of which the last feedback had arrivals, 0 for none
        self._told_low_bps = 0.0  # an estimate below it is news; likewise above the other
        self._told_high_bps = 0.0

    # ------------------------------------------------------------ sending

    def on_sent(self, sequence_number: int, size: int, now_us: int) -> None:
        """Remembers a packet.

        Args:
            sequence_number: transport-wide, 0 to 65535, one more than that of the packet before.
            size: its bytes.
            now_us: the present.
        """
        cluster = self._probe_sender.cluster
        if cluster != 0:
            self._tried_bps[cluster % enums.CLUSTERS] = self._probe_sender.bitrate_bps
            self._probe_sender.on_sent(size, now_us)
        self._sent.add(sequence_number, size, now_us, cluster)
        self._sending.update(size, now_us)
        self._sent_since_feedback += 1
        if self._reported < 0:
            self._reported = sequence_number

    def may_retransmit(self, now_us: int) -> bool:
        """Whether a retransmission fits: on a full link repairs of what it dropped would keep it full.

        They may take half of the estimate, as the last half second goes, and 100 kbit/s in any case.
        """
        return self._retransmitting.bitrate(now_us) < max(_REPAIRS * self.bitrate(), _MIN_REPAIRS_BPS)

    def on_retransmitted(self, size: int, now_us: int) -> None:
        """A retransmission of so many bytes was sent (``on_sent`` is told, too)."""
        self._retransmitting.update(size, now_us)

    def probation_due(self, now_us: int) -> int:
        """Bytes of probation to send now in one packet; 0 when none are due. It is told by ``on_sent`` like others."""
        return self._probe_sender.due(now_us)

    def next_probation_us(self) -> int:
        """When ``probation_due`` is worth asking; -1 when no probing goes on."""
        return self._probe_sender.next_us()

    # ------------------------------------------------------------ feedback

    def on_feedback(self, body: bytes, size: int, now_us: int) -> int:
        """Takes the body of an RTCP packet 205/15, what follows the four bytes of the header.

        Args:
            body: as received.
            size: its bytes.
            now_us: the present.

        Returns:
            0, or which of ``miso.worker.rtcp.arrivals.PROBLEMS`` it has; then nothing changes.
        """
        problem = self._reader.read(body, size)
        if problem != 0 or self._sent.newest < 0:
            return problem
        base = self._sent.unwrap(self._reader.base_sequence)
        if base > self._sent.newest or self._sent.newest - base >= _OF_USE:
            return 0
        self.feedback_count += 1
        self._last_feedback_us = now_us
        self._sent_since_feedback = 0
        before = self.bitrate()
        self._count_statuses(base)
        self._take_arrivals(base, now_us)
        floor_bps = _KEPT * self._acknowledged_bps()
        self._loss.on_results(self._lost, self._total, before, floor_bps, self.rtt_ms, now_us)
        self._update(before, now_us)
        return 0

    def _count_statuses(self, base: int) -> None:
        """Every number is counted once: as lost, until its arrival is found."""
        begin = max(base, self._reported, self._losses_from, self._sent.oldest())
        end = min(base + self._reader.status_count, self._sent.newest + 1)
        self._total = max(end - begin, 0)
        self._lost = self._total
        self._gap_begin = self._reported
        self._gap_end = min(base, self._sent.newest + 1)
        if end > self._reported:
            self._reported = end

    def _take_arrivals(self, base: int, now_us: int) -> None:
        newest_us = -1
        newest_number = -1
        self._measured_cluster = 0
        for index in range(self._reader.count):
            number = base + self._reader.position(index)
            if not self._sent.is_waiting(number):
                continue
            arrival_us = self._clock.take(self._reader.tick(index))
            if self._clock.has_jumped:
                self._inter_arrival.reset()
            if newest_number < 0:
                self._fill_gap(self._sent.sent_us(number), arrival_us)
            self._take_arrival(number, arrival_us)
            if arrival_us >= newest_us:
                newest_us = arrival_us
                newest_number = number
        if newest_number >= 0:
            sample_ms = (now_us - self._sent.sent_us(newest_number)) * 0.001
            self.rtt_ms = sample_ms if self.rtt_ms <= 0.0 else _RTT_SMOOTHING * self.rtt_ms + _RTT_SAMPLE * sample_ms

    def _take_arrival(self, number: int, arrival_us: int) -> None:
        sent_us = self._sent.sent_us(number)
        size = self._sent.size(number)
        cluster = self._sent.cluster(number)
        self._sent.take(number)
        if number >= self._losses_from:
            self._lost -= 1
        if self._first_arrival_us < 0:
            self._first_arrival_us = arrival_us
        self._acknowledged.update(size, arrival_us)
        if cluster != 0:
            self._probe_results.on_arrival(cluster, size, sent_us, arrival_us)
            self._measured_cluster = cluster
        if self._inter_arrival.on_packet(
            sent_us * enums.SEND_TIME_TICKS // enums.SEND_TIME_US & enums.SEND_TIME_MASK, arrival_us
        ):
            self._detector.on_group(self._inter_arrival.arrival_delta_ms, self._inter_arrival.send_delta_ms)

    def _fill_gap(self, sent_us: int, arrival_us: int) -> None:
        """Feedback that was lost on its way to us does not mean that packets were: they count as acknowledged."""
        number = max(self._gap_begin, self._gap_end - _MAX_GAP)
        while number < self._gap_end:
            if self._sent.is_waiting(number):
                before_us = sent_us - self._sent.sent_us(number)
                if before_us < _MAX_GAP_US:
                    self._acknowledged.update(self._sent.size(number), arrival_us - before_us)
            number += 1

    # ------------------------------------------------------------ estimate

    def _update(self, before: float, now_us: int) -> None:
        state = self._detector.state
        acknowledged = self._acknowledged_bps()
        if self.rtt_ms > 0.0:
            self._control.rtt_ms = min(max(self.rtt_ms, _MIN_RTT_MS), _MAX_RTT_MS)
        if acknowledged >= 0.0:
            delay_before = self._control.bitrate_bps
            self._control.update(state, acknowledged, now_us)
            self._temper(delay_before, acknowledged, now_us)
            if self._control.bitrate_bps < delay_before:
                self._losses_from = self._sent.newest + 1
        if self._measured_cluster != 0:
            self._take_measurement(acknowledged, state, now_us)
        self._clamp()
        self._loss.forget_above(self._control.bitrate_bps)
        after = self.bitrate()
        self._probes.on_state(state, before, after, now_us)
        self._probes.on_time(after, now_us)
        self._queue_probes(now_us)

    def _acknowledged_bps(self) -> float:
        """What arrives, -1.0 while too little is known; the last half second by the receiver's clock."""
        if self._first_arrival_us < 0:
            return -1.0
        window_us = self._clock.newest_us - self._first_arrival_us
        if window_us < _MIN_WINDOW_US:
            return -1.0
        bitrate = self._acknowledged.bitrate(self._clock.newest_us) * 1.0
        if window_us < _WINDOW_US:
            bitrate = bitrate * _WINDOW_US / window_us
        return bitrate

    def _temper(self, before: float, acknowledged: float, now_us: int) -> None:
        """Keeps what the delay says within what is known otherwise."""
        if self._average_bps < 0.0:
            self._average_bps = acknowledged
        self._average_bps += _AVERAGE_SMOOTHING * (acknowledged - self._average_bps)
        # the absence of delay tells nothing about bitrates that are not sent: beyond them only probes count
        ceiling = max(before, _ABOVE_AVERAGE * self._average_bps + _HEADROOM_BPS)
        if self._control.bitrate_bps > ceiling:
            self._control.bitrate_bps = ceiling
        # while all that is sent arrives, a delay that grows once (a key frame's burst) is no reason to fall far
        floor = _KEPT * before
        if (
            self._control.bitrate_bps < floor
            and acknowledged >= _ALL_ARRIVES * self._sending.bitrate(now_us)
            and now_us - self._tempered_us >= _TEMPER_US
        ):
            self._tempered_us = now_us
            self._control.bitrate_bps = floor

    def _take_measurement(self, acknowledged: float, state: int, now_us: int) -> None:
        if not self._probe_results.measure(self._measured_cluster, self._tried_bps[self._measured_cluster & 7]):
            return
        result = self._probe_results.bitrate_bps
        if result > self._control.bitrate_bps and state != enums.OVERUSE:
            self._control.bitrate_bps = result
        elif result < self._control.bitrate_bps and self._probe_results.is_saturated:
            self._control.bitrate_bps = max(result, acknowledged)
        if state != enums.OVERUSE:
            self._loss.raise_to(result)
        self._probes.on_result(result, now_us)

    def _clamp(self) -> None:
        if self._control.bitrate_bps > self._max_bps:
            self._control.bitrate_bps = self._max_bps
        if self._control.bitrate_bps < self._min_bps:
            self._control.bitrate_bps = self._min_bps

    def bitrate(self) -> float:
        """The estimate in bit/s."""
        bitrate = self._control.bitrate_bps
        if 0.0 <= self._loss.limit_bps < bitrate:
            bitrate = max(self._loss.limit_bps, self._min_bps)
        return bitrate

    def fraction_lost(self) -> float:
        """Of the last second or so, 0.0 to 1.0."""
        return self._loss.fraction_lost

    def tell_outside(self, low_bps: float, high_bps: float) -> None:
        """An estimate between these bitrates, both included, is no news."""
        self._told_low_bps = low_bps
        self._told_high_bps = high_bps

    def has_news(self) -> bool:
        """After feedback: whether the estimate is far from what was told last, or probes are to be sent."""
        bitrate = self.bitrate()
        return bitrate < self._told_low_bps or bitrate > self._told_high_bps or self._probe_sender.next_us() >= 0

    # ------------------------------------------------------------ control

    def set_limits(self, min_bitrate_bps: float, max_bitrate_bps: float, probing: bool, now_us: int) -> None:
        """Keeps the estimate between two bitrates.

        Args:
            min_bitrate_bps: it never falls below.
            max_bitrate_bps: it never rises above; where it is below, it is told what can be had by probing.
            probing: the way is open and somebody wants something; False forgets clusters not sent yet.
            now_us: the present.
        """
        self._min_bps = min_bitrate_bps
        self._max_bps = max(max_bitrate_bps, min_bitrate_bps)
        self._control.min_bitrate_bps = min_bitrate_bps
        self._clamp()
        if not probing:
            self._probes.set_max(0.0, 0.0, now_us)
            self._probe_sender.clear()
        elif not self._probes.is_started:
            self._probes.start(self._max_bps, self.bitrate(), now_us)
        else:
            self._probes.set_max(self._max_bps, self.bitrate(), now_us)
        self._queue_probes(now_us)

    def on_tick(self, now_us: int) -> None:
        """To be called about once a second: falls when a receiver that used to report is silent, and probes in time."""
        if (
            self._last_feedback_us >= 0
            and self._sent_since_feedback >= _SILENCE_PACKETS
            and now_us - self._last_feedback_us > _SILENCE_US
            and now_us - self._last_decay_us >= _DECAY_US
        ):
            self._last_decay_us = now_us
            self._control.bitrate_bps *= _DECAY
            self._clamp()
        self._probes.on_time(self.bitrate(), now_us)
        self._queue_probes(now_us)

    def _queue_probes(self, now_us: int) -> None:
        rate = self._probes.take()
        while rate > 0.0:
            self._probe_sender.add(rate, now_us)
            rate = self._probes.take()
