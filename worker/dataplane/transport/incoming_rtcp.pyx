# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""RTCP that comes in on a transport: each member acts on the streams that it is about; control gets what it must see.

What concerns SSRCs that are not on this transport is ignored: a peer can only speak of its own streams.
"""

from libc.stdint cimport int64_t

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.transport.feedback_taker cimport FeedbackTaker, ReportBlock
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtcp.arrivals cimport ArrivalReader
from miso.worker.rtcp.compound_reader cimport CompoundReader
from miso.worker.rtcp.enums cimport (
    END,
    EXTENDED_REPORT,
    FIR,
    MALFORMED,
    MAX_NACKED,
    NACK,
    OTHER,
    PLI,
    RECEIVER_REPORT,
    REMB,
    SENDER_REPORT,
    TRANSPORT_WIDE,
)

from miso.worker.dataplane.rtcp_events import (
    DelayReported,
    EstimateChanged,
    ReferenceTimeReported,
    RembReceived,
    RtcpMalformed,
    SenderReported,
)
from miso.worker.rtcp.arrivals import PROBLEMS

cdef enum:
    TELL_EVERY_US = 1000000  # of malformed packets

cdef CompoundReader READER = CompoundReader()  # one packet is read at a time
cdef ArrivalReader ARRIVALS = ArrivalReader()


cdef class IncomingRtcp:
    """Reads the RTCP of one transport's peer."""

    cdef void read(self, SendingHalf sending, ReceivingHalf receiving, const unsigned char *data, int size) noexcept:
        """Takes one compound packet, decrypted; ``sending`` is the transport, and what control's events are about."""
        cdef Plane plane = sending.plane
        cdef int kind
        READER.begin()
        while True:
            kind = READER.next(data, size)
            if kind == END:
                return
            if kind == MALFORMED:
                if self._is_to_be_told(plane.now_us):
                    plane.events.append(RtcpMalformed(sending, self._malformed, READER.explain()))
            elif kind != OTHER:
                self._act(kind, sending, receiving, data, size)

    cdef void _act(
        self, int kind, SendingHalf sending, ReceivingHalf receiving, const unsigned char *data, int size
    ) noexcept:
        cdef Plane plane = sending.plane
        cdef void *taker
        if kind == TRANSPORT_WIDE:
            self._take_transport_wide(sending, data)
        elif kind == RECEIVER_REPORT:
            self._take_blocks(sending, data)
        elif kind == SENDER_REPORT:
            if receiving.streams.get(READER.ssrc) != NULL:
                plane.events.append(SenderReported(sending, READER.ssrc, READER.ntp, READER.rtp_timestamp))
            self._take_blocks(sending, data)
        elif kind == NACK:
            self._take_nack(sending)
        elif kind == PLI:
            taker = sending.feedback_takers.get(READER.ssrc)
            if taker != NULL:
                (<FeedbackTaker>taker).on_pli()
        elif kind == FIR:
            self._take_fir(sending, data)
        elif kind == REMB:
            if self.takes_remb:
                plane.events.append(RembReceived(sending, READER.bitrate_bps))
        elif kind == EXTENDED_REPORT:
            self._take_extended_report(sending, receiving, data)

    cdef void _take_blocks(self, SendingHalf sending, const unsigned char *data) noexcept:
        cdef ReportBlock block
        cdef void *taker
        cdef int index
        for index in range(READER.count):
            READER.read_block(data, index)
            taker = sending.feedback_takers.get(READER.block_ssrc)
            if taker == NULL:
                continue
            block.fraction_lost = READER.fraction_lost
            block.total_lost = READER.total_lost
            block.last_report = READER.last_report
            block.delay = READER.delay
            (<FeedbackTaker>taker).on_report_block(&block)

    cdef void _take_extended_report(
        self, SendingHalf sending, ReceivingHalf receiving, const unsigned char *data
    ) noexcept:
        cdef list events = sending.plane.events
        cdef unsigned int ssrc
        cdef int index
        for index in range(READER.count):
            READER.read_delay(data, index)
            ssrc = READER.block_ssrc if READER.block_ssrc != 0 else READER.ssrc
            if receiving.streams.get(ssrc) != NULL:
                events.append(DelayReported(sending, ssrc, READER.last_report, READER.delay))
        if READER.ntp != 0:
            events.append(ReferenceTimeReported(sending, READER.ntp))

    cdef void _take_nack(self, SendingHalf sending) noexcept:
        cdef unsigned short numbers[MAX_NACKED]
        cdef void *taker = sending.feedback_takers.get(READER.ssrc)
        cdef int index
        if taker == NULL:
            return
        for index in range(READER.count):
            numbers[index] = READER.number(index)
        (<FeedbackTaker>taker).on_nack(numbers, READER.count)

    cdef void _take_fir(self, SendingHalf sending, const unsigned char *data) noexcept:
        cdef void *taker
        cdef int index
        for index in range(READER.count):
            taker = sending.feedback_takers.get(READER.fir_ssrc(data, index))
            if taker != NULL:
                (<FeedbackTaker>taker).on_fir()

    cdef void _take_transport_wide(self, SendingHalf sending, const unsigned char *data) noexcept:
        """It goes on to the estimate; control hears when that has changed by much, or wants to probe."""
        cdef Plane plane = sending.plane
        cdef const unsigned char *body = data + READER.at
        cdef int problem
        if sending.outgoing is None:
            problem = ARRIVALS.read(body, READER.size)
        else:
            problem = sending.outgoing.on_feedback(body, READER.size, plane.now_us)
        if problem != 0:
            if self._is_to_be_told(plane.now_us):
                text = PROBLEMS[problem].format(have=READER.size)
                plane.events.append(RtcpMalformed(sending, self._malformed, text))
        elif sending.outgoing is not None and self._news_wakeup != plane.wakeup and sending.outgoing.has_news():
            self._news_wakeup = plane.wakeup
            plane.events.append(EstimateChanged(sending))

    cdef bint _is_to_be_told(self, int64_t now_us) noexcept:
        """A member is malformed: whether control is to hear of it."""
        self._malformed += 1
        if self._told_us != 0 and now_us - self._told_us < TELL_EVERY_US:
            return False
        self._told_us = now_us
        return True
