# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Receivers that report like browsers: transport-wide feedback twenty times a second, a receiver report each second.

What they report is what came; the SRTCP is real. Their packets stay encrypted: all that feedback needs stands in the
RTP header.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from bench.clock cimport now_ns
from bench.loopback cimport MSG_DONTWAIT, name_port, sendto, sockaddr_in
from bench.sinks cimport HEAD, Sinks
from miso.worker.dataplane.transport.libsrtp cimport SrtpSession

from miso.worker.dataplane.transport.libsrtp import SrtpSession as Session

cdef enum:
    OWN_SSRC = 1  # of the first receiver's reports
    MAX_WAITING = 512  # packets that one feedback tells of
    MAX_SIZE = 2048  # of an RTCP packet: a chunk and two bytes of delta for each, with SRTCP's trailer
    HEADER = 12
    ONE_BYTE_FORM = 0xBEDE  # RFC 8285 section 4.2
    TRANSPORT_FEEDBACK_NS = 50000000
    RECEIVER_REPORT_NS = 1000000000
    TICK_NS = 250000  # of a delta; draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.5
    REFERENCE_NS = 64000000  # of the reference time, section 3.1
    MAX_SMALL_DELTA = 255
    MAX_RUN = 8191  # of a run length chunk, section 3.1.3
    MISSING = 0  # symbols, section 3.1.1
    SMALL = 1
    LARGE = 2

cdef struct Receiver:
    sockaddr_in name
    uint32_t media_ssrc
    int64_t next_feedback_ns
    int64_t next_report_ns
    uint32_t highest  # RTP sequence number, extended
    bint heard
    unsigned char feedback_count
    int waiting
    uint16_t numbers[MAX_WAITING]
    int64_t times_ns[MAX_WAITING]


cdef class Receivers(Sinks):
    """Sockets like those of ``Sinks`` that report when they are emptied.

    Attributes:
        speaking: whether they report; False at first.
        feedback_sent: transport-wide feedback packets.
        reports_sent: receiver reports.
        refused: packets that libsrtp or the kernel did not take.
        told: packets that feedback told of as received.
    """

    cdef public bint speaking
    cdef readonly unsigned long long feedback_sent
    cdef readonly unsigned long long reports_sent
    cdef readonly unsigned long long refused
    cdef readonly unsigned long long told
    cdef int _transport_wide_cc_id
    cdef Receiver *_receivers
    cdef list _sessions
    cdef unsigned char _slot[MAX_SIZE]

    def __cinit__(self, int count):
        self._receivers = <Receiver *>calloc(count, sizeof(Receiver))
        if self._receivers == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._receivers)

    def connect(self, ways, ssrcs, suite, int transport_wide_cc_id):
        """Where to report to, spread evenly over time.

        Args:
            ways: for each receiver the port on 127.0.0.1, and master key and salt.
            ssrcs: of the stream that each gets.
            suite: None: without SRTCP.
            transport_wide_cc_id: of the header extension.
        """
        cdef int index
        cdef int64_t now = now_ns()
        self._transport_wide_cc_id = transport_wide_cc_id
        self._sessions = [None if suite is None else Session(suite, key, inbound=False) for _, key in ways]
        for index, ((port, _), ssrc) in enumerate(zip(ways, ssrcs, strict=True)):
            name_port(&self._receivers[index].name, port)
            self._receivers[index].media_ssrc = ssrc
            self._receivers[index].next_feedback_ns = now + TRANSPORT_FEEDBACK_NS * index // self.count
            self._receivers[index].next_report_ns = now + <int64_t>RECEIVER_REPORT_NS * index // self.count

    cpdef int drain(self):
        """Takes what waits, and reports where it is time to; returns how many datagrams came."""
        cdef int total = Sinks.drain(self), index
        cdef int64_t now = now_ns()
        cdef Receiver *receiver
        for index in range(self.count):
            receiver = &self._receivers[index]
            if now >= receiver.next_feedback_ns:
                receiver.next_feedback_ns = _next(receiver.next_feedback_ns, now, TRANSPORT_FEEDBACK_NS)
                if self.speaking and receiver.waiting:
                    self._send(index, self._write_feedback(index, receiver))
                    self.feedback_sent += 1
                receiver.waiting = 0
            if now >= receiver.next_report_ns:
                receiver.next_report_ns = _next(receiver.next_report_ns, now, RECEIVER_REPORT_NS)
                if self.speaking and receiver.heard:
                    self._send(index, self._write_report(index, receiver))
                    self.reports_sent += 1
        return total

    cdef void take(self, int index, const unsigned char *head, int size, int64_t at_ns) noexcept:
        """Remembers the packet's numbers; the header is RFC 3550 section 5.1, the extension RFC 8285 section 4.2."""
        cdef Receiver *receiver = &self._receivers[index]
        cdef uint16_t sequence = head[2] << 8 | head[3]
        cdef int at = HEADER + 4 * (head[0] & 0x0F), end, length
        cdef uint16_t ahead = sequence - <uint16_t>receiver.highest
        if not receiver.heard:
            receiver.heard = True
            receiver.highest = sequence
        elif ahead < 0x8000:
            receiver.highest += ahead
        if not head[0] & 0x10 or at + 4 > size or (head[at] << 8 | head[at + 1]) != ONE_BYTE_FORM:
            return
        end = min(at + 4 + 4 * (head[at + 2] << 8 | head[at + 3]), min(size, <int>HEAD))
        at += 4
        while at < end:
            if head[at] == 0:
                at += 1
                continue
            length = (head[at] & 0x0F) + 1
            if head[at] >> 4 == self._transport_wide_cc_id and at + 3 <= end and receiver.waiting < MAX_WAITING:
                receiver.numbers[receiver.waiting] = head[at + 1] << 8 | head[at + 2]
                receiver.times_ns[receiver.waiting] = now_ns()
                receiver.waiting += 1
                return
            at += 1 + length

    cdef int _write_feedback(self, int index, Receiver *receiver) noexcept:
        """The packet's size. What comes late is left out, as if it had been lost.

             0                   1                   2                   3
             0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
            +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
            |V=2|P|  FMT=15 |    PT=205     |           length              |
            |                     SSRC of packet sender                     |
            |                      SSRC of media source                     |
            |      base sequence number     |      packet status count      |
            |                 reference time                | fb pkt. count |
            |          packet chunk         |         packet chunk ...      |
            |         recv delta            |        recv delta  ...        |
        """
        cdef unsigned char *slot = self._slot
        cdef unsigned char deltas[2 * MAX_WAITING]
        cdef uint16_t base = receiver.numbers[0], expected = base, number, missing
        cdef int64_t reference = receiver.times_ns[0] // REFERENCE_NS, ticks = reference * (REFERENCE_NS // TICK_NS), now
        cdef int at = 20, delta_size = 0, symbol, run = 0, run_symbol = MISSING, packet
        cdef int64_t delta
        memset(slot, 0, 20)
        for packet in range(receiver.waiting):
            number = receiver.numbers[packet]
            missing = number - expected
            if missing >= MAX_WAITING:
                continue
            if missing:
                if run_symbol != MISSING:
                    at = _put_run(slot, at, run_symbol, run)
                    run = 0
                run_symbol = MISSING
                run += missing
            now = receiver.times_ns[packet] // TICK_NS
            delta = now - ticks
            ticks = now
            symbol = SMALL if 0 <= delta <= MAX_SMALL_DELTA else LARGE
            if symbol == LARGE:
                deltas[delta_size] = (delta >> 8) & 0xFF
                delta_size += 1
            deltas[delta_size] = delta & 0xFF
            delta_size += 1
            if symbol != run_symbol and run:
                at = _put_run(slot, at, run_symbol, run)
                run = 0
            run_symbol = symbol
            run += 1
            expected = number + 1
            self.told += 1
        at = _put_run(slot, at, run_symbol, run)
        memcpy(slot + at, deltas, delta_size)
        at += delta_size
        while at & 3:
            slot[at] = 0
            at += 1
        slot[0] = 0x80 | 15
        slot[1] = 205
        _put16(slot + 2, at // 4 - 1)
        _put32(slot + 4, OWN_SSRC + index)
        _put32(slot + 8, receiver.media_ssrc)
        _put16(slot + 12, base)
        _put16(slot + 14, <uint16_t>(expected - base))
        _put32(slot + 16, <uint32_t>((reference & 0xFFFFFF) << 8 | receiver.feedback_count))
        receiver.feedback_count += 1
        return at

    cdef int _write_report(self, int index, Receiver *receiver) noexcept:
        """A receiver report of one block that tells of no loss (RFC 3550 section 6.4.2); the packet's size."""
        cdef unsigned char *slot = self._slot
        memset(slot, 0, 32)
        slot[0] = 0x81
        slot[1] = 201
        _put16(slot + 2, 7)
        _put32(slot + 4, OWN_SSRC + index)
        _put32(slot + 8, receiver.media_ssrc)
        _put32(slot + 16, receiver.highest)
        return 32

    cdef void _send(self, int index, int size) noexcept:
        cdef SrtpSession session = self._sessions[index]
        if session is not None and session.protect_rtcp(self._slot, &size) != 0:
            self.refused += 1
        elif sendto(
            self._fds[index], self._slot, size, MSG_DONTWAIT, &self._receivers[index].name, sizeof(sockaddr_in)
        ) < 0:
            self.refused += 1


cdef inline int64_t _next(int64_t due, int64_t now, int64_t interval) noexcept:
    """One interval later; who comes late by more than one begins anew, instead of catching up at once."""
    return due + interval if now < due + interval else now + interval


cdef int _put_run(unsigned char *slot, int at, int symbol, int count) noexcept:
    """A run length chunk (section 3.1.3); where the next one goes."""
    _put16(slot + at, symbol << 13 | min(count, <int>MAX_RUN))
    return at + 2


cdef inline void _put16(unsigned char *target, unsigned int value) noexcept:
    target[0] = (value >> 8) & 0xFF
    target[1] = value & 0xFF


cdef inline void _put32(unsigned char *target, uint32_t value) noexcept:
    target[0] = value >> 24
    target[1] = (value >> 16) & 0xFF
    target[2] = (value >> 8) & 0xFF
    target[3] = value & 0xFF
