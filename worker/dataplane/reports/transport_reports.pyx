# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Reports that a transport sends by itself: of what its consumers send and its producers receive.

They go at mediasoup's intervals, in turns of the worker's rounds. Feedback that answers a packet (NACK, PLI, FIR) does not wait for them. No Python
object is made for a report, but for packets of a direct transport, which are events.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from miso.worker.dataplane.consumer.consumer cimport ConsumerPlane
from miso.worker.dataplane.producer.producer cimport ProducerPlane
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.random_numbers cimport random_u32
from miso.worker.dataplane.reports.interval cimport is_over
from miso.worker.dataplane.reports.sent_report cimport SentReport
from miso.worker.dataplane.rounds cimport Turn
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtcp.compound_writer cimport MAX_COMPOUND, MAX_REPORTS, BlockEntry, CompoundWriter, SenderEntry
from miso.worker.rtcp.echo_clock cimport EchoClock

from miso.worker.dataplane.events import RtcpDelivered

cdef enum:
    TURN_US = 1000000  # between two looks at what is due at least, and what chance adds at most
    VARIATION_US = 500000
    STREAM_BLOCKS = 2  # at most, of one stream that is received

# one thread runs the plane, and each turn ends with what it began
cdef CompoundWriter WRITER = CompoundWriter()


cdef class ReceivedReport:
    """The receiver reports of a producer's streams."""

    def __init__(self, ProducerPlane producer not None, int interval_us):
        self.producer = producer
        self._interval_us = interval_us


cdef class TransportReports(Turn):
    """The reports of one transport.

    Attributes:
        reference_time: The receiver's clock, which the peer may tell (RFC 3611 section 4.4) and is then told again.
    """

    def __init__(self, SendingHalf transport not None, *, bint is_direct):
        self.reference_time = EchoClock()
        self._transport = transport
        self._is_direct = is_direct
        self._sent = []
        self._received = []
        self._random = random_u32()

    def add_sent(self, ConsumerPlane stream not None, bytes cname not None, int clock_rate, int interval_us):
        """Its receiver is told of the stream from now on, about every ``interval_us``."""
        self._sent.append(SentReport(stream, cname, clock_rate, interval_us))

    def remove_sent(self, ConsumerPlane stream not None):
        """Not any more; no effect when it is not told of."""
        for index in range(len(self._sent)):
            if (<SentReport>self._sent[index]).stream is stream:
                del self._sent[index]
                return

    def add_received(self, ProducerPlane producer not None, int interval_us):
        """The sender of its streams is told of them from now on, about every ``interval_us``."""
        self._received.append(ReceivedReport(producer, interval_us))

    def remove_received(self, ProducerPlane producer not None):
        """Not any more; no effect when it is not told of."""
        for index in range(len(self._received)):
            if (<ReceivedReport>self._received[index]).producer is producer:
                del self._received[index]
                return

    cdef int64_t take(self, int64_t at_us, int64_t now_us, uint64_t ntp) noexcept:
        cdef SentReport sent
        cdef ReceivedReport received
        self._now_us = now_us
        self._ntp = ntp
        for sent in self._sent:
            if sent.is_due(now_us):
                self._add_sent(sent)
        for received in self._received:
            if not received._is_reported or is_over(received._interval_us, now_us - received._reported_us):
                self._add_received(received)
        self._send()
        # It varies, so that not all participants report at the same time (RFC 3550 section 6.3.1).
        self._random = self._random * 1664525 + 1013904223
        return TURN_US + (<int64_t>VARIATION_US * (self._random >> 8) >> 24)

    cdef void _add_sent(self, SentReport report) noexcept:
        cdef SenderEntry entry
        if not report.describe(self._now_us, self._ntp, &entry):
            return
        entry.last_rr = self.reference_time.compact_ntp
        entry.has_delay = entry.last_rr != 0
        entry.delay = self.reference_time.delay_at(self._now_us)
        if not WRITER.add_sender(&entry):
            self._send()
            WRITER.add_sender(&entry)

    cdef void _add_received(self, ReceivedReport report) noexcept:
        cdef BlockEntry blocks[MAX_REPORTS]
        cdef ReceiveStream stream
        cdef int count = 0, worst_loss
        report._is_reported = True
        report._reported_us = self._now_us
        for stream in report.producer._streams:
            if stream is None:
                continue
            worst_loss = report.producer.worst_loss() if stream.tells_worst_loss else 0
            count += stream.report_blocks(self._now_us, worst_loss, blocks + count)
            if count > MAX_REPORTS - STREAM_BLOCKS:
                self._add_blocks(blocks, count)
                count = 0
        if count > 0:
            self._add_blocks(blocks, count)

    cdef void _add_blocks(self, const BlockEntry *blocks, int count) noexcept:
        if not WRITER.add_blocks(blocks, count, self._ntp):
            self._send()
            WRITER.add_blocks(blocks, count, self._ntp)

    cdef void _send(self) noexcept:
        cdef unsigned char room[MAX_COMPOUND]
        cdef int size = WRITER.write(room)
        if size == 0:
            return
        if self._is_direct:
            self._transport.plane.events.append(RtcpDelivered(self._transport, room[:size]))
        else:
            self._transport.send_report(room, size)
