# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the receiver says of a stream that a consumer sends: loss and score, repairs and key frames that it asks for."""

from miso.worker.dataplane.consumer.send_stream cimport SendStream
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.token_bucket cimport take, take_some
from miso.worker.dataplane.transport.feedback_taker cimport FeedbackTaker, ReportBlock
from miso.worker.rtp.stream_score cimport StreamScore, outbound_sample

from miso.worker.dataplane.rtcp_events import FeedbackTraced, KeyFrameAsked, ScoreChanged

cdef enum:
    # A receiver may ask for 2500 packets at once, which is what the buffer holds at most, and for as many a second: more is
    # not repair but a flood, and looking packets up costs us time.
    REPAIRS_AT_ONCE = 2500
    REPAIRS_PER_SECOND = 2500
    # A key frame costs everybody who watches the stream: a receiver may have a few at once, then one in so long.
    KEY_FRAMES_AT_ONCE = 4
    KEY_FRAMES_PER_SECOND = 2
    SCORE_EVERY_US = 100000  # reports that come faster make no new score, nor an event for each


cdef class ReceiverFeedback(FeedbackTaker):
    """What the receiver of one stream says of it."""

    def __init__(self, SendStream stream not None):
        self._stream = stream
        self.score = StreamScore()
        self._scored_us = -SCORE_EVERY_US

    cdef int open(self) except -1:
        """The transport finds it by the stream's SSRC from now on; of two streams with one SSRC the later one counts."""
        self._stream._transport.feedback_takers.put(self._stream.ssrc, <void *>self)
        return 0

    cdef void close(self) noexcept:
        """Nothing is said of the stream any more. Idempotent."""
        cdef SendStream stream = self._stream
        if stream is not None and stream._transport.feedback_takers.get(stream.ssrc) == <void *>self:
            stream._transport.feedback_takers.remove(stream.ssrc)
        self._stream = None

    cdef void on_report_block(self, const ReportBlock *block) noexcept:
        """Round trip, loss, and time for a new score."""
        cdef Plane plane = self._stream._plane
        cdef double rtt_ms = plane.round_trip_ms(block.last_report, block.delay)
        if rtt_ms >= 0:
            self._stream.rtt_ms = rtt_ms
        self.packets_lost = block.total_lost
        self.fraction_lost = block.fraction_lost
        if plane.now_us - self._scored_us >= SCORE_EVERY_US:
            self._scored_us = plane.now_us
            self._score()

    cdef void _score(self) noexcept:
        cdef SendStream stream = self._stream
        cdef Counted before = self._counted
        self._counted.packets = stream.packets
        self._counted.lost = max(self.packets_lost, 0)
        self._counted.repaired = stream.packets_repaired
        self._counted.retransmitted = stream.packets_retransmitted
        if self.score.add(
            outbound_sample(
                self._counted.packets - before.packets,
                self._counted.lost - before.lost,
                self._counted.repaired - before.repaired,
                self._counted.retransmitted - before.retransmitted,
            )
        ):
            stream._plane.events.append(ScoreChanged(self))

    cdef void on_nack(self, const unsigned short *numbers, int count) noexcept:
        """What is missing is sent again, as far as the allowance goes."""
        cdef SendStream stream = self._stream
        cdef int granted
        if not stream.active:
            return
        if self.trace_nack:
            stream._plane.events.append(FeedbackTraced(self, "nack"))
        self.nack_count += 1
        self.nack_packet_count += count
        granted = take_some(&self._repairs, REPAIRS_PER_SECOND, REPAIRS_AT_ONCE, count, stream._plane.now_us)
        if granted > 0:
            stream.repair(numbers, granted)

    cdef void on_pli(self) noexcept:
        if self.trace_pli:
            self._stream._plane.events.append(FeedbackTraced(self, "pli"))
        self.pli_count += 1
        self._ask_for_key_frame()

    cdef void on_fir(self) noexcept:
        if self.trace_fir:
            self._stream._plane.events.append(FeedbackTraced(self, "fir"))
        self.fir_count += 1
        self._ask_for_key_frame()

    cdef void _ask_for_key_frame(self) noexcept:
        """Passes the wish on; in a flood of them only now and then one is."""
        cdef Plane plane = self._stream._plane
        if take(&self._key_frames, KEY_FRAMES_PER_SECOND, KEY_FRAMES_AT_ONCE, 1, plane.now_us):
            plane.events.append(KeyFrameAsked(self))
