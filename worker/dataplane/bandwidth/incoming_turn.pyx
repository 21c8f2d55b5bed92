# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a sender's congestion control is told about ten times a second: what arrived when, or what the way carries.

Transport-wide feedback is sent from here. Of REMB control is told when one is due: it names the streams.
"""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.bwe.remb cimport RemoteBitrateEstimator
from miso.worker.bwe.transport_feedback cimport TransportFeedback
from miso.worker.dataplane.rounds cimport Turn
from miso.worker.dataplane.transport.transport cimport TransportPlane
from miso.worker.rtcp.arrivals cimport ArrivalReader
from miso.worker.ticked cimport TICK_US

from miso.worker.dataplane.events import LimitDue, RembDue, RtcpDelivered

cdef enum:
    INTERVAL_US = 100000
    IDLE_INTERVAL_US = 500000  # when nothing comes in, a look now and then is enough
    IDLE_AFTER_US = 3000000
    LIMIT_EVERY_US = 1500000
    HEADER_SIZE = 4  # of an RTCP packet

cdef ArrivalReader READER = ArrivalReader()  # one packet is read at a time


cdef class IncomingTurn(Turn):
    """What one transport tells its sender.

    Attributes:
        owner: What hears of events.
        limit_due_us: When the controller's limit is to be told next, by ``LimitDue`` and each 1.5 s from then on; -1: never.
    """

    def __init__(self, TransportPlane transport not None, *, bint is_direct):
        self._transport = transport
        self._is_direct = is_direct
        self.limit_due_us = -1

    @property
    def fraction_lost(self):
        """Of the sender's packets, 0.0 to 1.0, as transport-wide feedback told it; the latest weighs most."""
        cdef int count = min(self._loss_count, LOSSES)
        cdef int weight
        cdef double weighted = 0.0
        if count == 0:
            return 0.0
        for weight in range(1, count + 1):
            weighted += weight * self._losses[(self._loss_count - count + weight - 1) % LOSSES]
        return weighted / (count * (count + 1) / 2.0)

    def expect_media(self, int64_t now_us):
        """The sender may begin to send."""
        self._seen_us = now_us

    cdef int64_t take(self, int64_t at_us, int64_t now_us, uint64_t ntp) noexcept:
        cdef TransportPlane transport = self._transport
        cdef RemoteBitrateEstimator remb = transport._receiving.feedback._remb
        cdef int64_t estimate_bps, interval_us = INTERVAL_US
        self._tell_arrivals(now_us)
        if remb is not None:
            estimate_bps = remb.poll(now_us)
            if estimate_bps >= 0:
                transport.plane.events.append(RembDue(self, estimate_bps))
        if 0 <= self.limit_due_us <= now_us:
            self.limit_due_us = now_us + LIMIT_EVERY_US
            transport.plane.events.append(LimitDue(self))
        if transport.rtp_received.bytes != self._seen_bytes:
            self._seen_bytes = transport.rtp_received.bytes
            self._seen_us = now_us
        elif now_us - self._seen_us >= IDLE_AFTER_US:
            interval_us = IDLE_INTERVAL_US
        return interval_us - TICK_US // 2 + now_us - at_us  # the tick that is nearest

    cdef void _tell_arrivals(self, int64_t now_us) noexcept:
        cdef TransportFeedback feedback = self._transport._receiving.feedback._transport_wide
        cdef bytes packet
        if feedback is None:
            return
        for packet in feedback.poll(now_us, 0):
            self._send(packet)
            if READER.read(<const unsigned char *>packet + HEADER_SIZE, len(packet) - HEADER_SIZE) == 0:
                self._losses[self._loss_count % LOSSES] = 1.0 - <double>READER.count / READER.status_count
                self._loss_count += 1

    cdef void _send(self, bytes packet) noexcept:
        if self._is_direct:
            self._transport.plane.events.append(RtcpDelivered(self._transport, packet))
        else:
            self._transport.send_report(packet, <int>len(packet))
