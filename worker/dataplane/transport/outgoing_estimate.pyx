# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the way to a transport's peer carries, and the probation packets that find it out.

Probation is RTP of a stream of its own that no consumer has: SSRC 1234, payload type 127, MID "probator". Receivers of
mediasoup's family know it (their SDP has a section for it), count its packets in their feedback and decode nothing.
"""

import os

from libc.string cimport memcpy, memset

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.transport.srtp cimport SrtpSession
from miso.worker.dataplane.sockets.batch cimport Sender
from miso.worker.dataplane.transport.sending_half cimport SendingHalf

from miso.worker.dataplane.events import ProbationTraced
from miso.worker.errors import ParseError
from miso.worker.rtcp.arrivals import PROBLEMS

PROBATION_SSRC = 1234

cdef enum:
    PAYLOAD_TYPE = 127
    SSRC = 1234
    TIMESTAMP_STEP = 20
    TRAILER_ROOM = 32  # bytes, what SRTP adds at most
    MAX_AT_ONCE = 64  # packets; a timer that comes late must not flood the way


cdef int put_element(unsigned char *at, int extension_id, const unsigned char *value, int size) noexcept:
    """A one-byte-form extension element (RFC 8285 section 4.2); how many bytes it takes."""
    if extension_id == 0:
        return 0
    at[0] = extension_id << 4 | (size - 1)
    memcpy(at + 1, value, size)
    return size + 1


cdef class OutgoingEstimate(Sender):
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
        self._write_header(mid_id, abs_send_time_id, transport_wide_cc_id)
        self._sequence_number = int.from_bytes(os.urandom(2), "big")
        self._timestamp = int.from_bytes(os.urandom(4), "big")
        transport.attach(self)
        transport.outgoing = self._estimator
        self.rekey()

    cdef int rekey(self) except -1:
        self._session = self._transport.make_session()
        return 0

    cdef void _write_header(self, int mid_id, int abs_send_time_id, int transport_wide_cc_id) noexcept:
        cdef unsigned char *data = self._header
        cdef int at = 16
        memset(data, 0, 48)
        data[0] = 0x90
        data[1] = PAYLOAD_TYPE
        data[10] = SSRC >> 8
        data[11] = SSRC & 0xFF
        data[12] = 0xBE
        data[13] = 0xDE
        at += put_element(data + at, mid_id, b"probator", 8)
        if abs_send_time_id != 0:
            self._abs_send_time_at = at + 1
            at += put_element(data + at, abs_send_time_id, b"\0\0\0", 3)
        if transport_wide_cc_id != 0:
            self._transport_wide_cc_at = at + 1
            at += put_element(data + at, transport_wide_cc_id, b"\0\0", 2)
        self._header_size = (at + 3) & ~3
        data[15] = (self._header_size - 16) >> 2

    # ------------------------------------------------------------ estimate

    @property
    def bitrate_bps(self):
        """What the way carries, within the limits."""
        return int(self._estimator.bitrate())

    @property
    def fraction_lost(self):
        """Of the last second or so, 0.0 to 1.0."""
        return self._estimator.fraction_lost()

    @property
    def rtt_ms(self):
        """Round-trip time by feedback, 0 while unknown."""
        return self._estimator.rtt_ms

    def on_feedback(self, bytes body not None, long long now_us):
        """Takes the body of transport-wide feedback (RTCP 205/15 after its header). Raises ParseError."""
        cdef int problem = self._estimator.on_feedback(body, len(body), now_us)
        if problem != 0:
            raise ParseError(PROBLEMS[problem].format(have=len(body)))

    def set_limits(self, *, double min_bitrate_bps, double max_bitrate_bps, bint probing, long long now_us):
        """Keeps the estimate between two bitrates; ``probing`` when the peer is there and more is wanted."""
        self._estimator.set_limits(min_bitrate_bps, max_bitrate_bps, probing, now_us)

    def on_tick(self, long long now_us):
        """To be called about once a second, whether or not feedback comes."""
        self._estimator.on_tick(now_us)

    # ------------------------------------------------------------ probation

    def send_probation(self, long long now_us):
        """Sends what is due; returns when to call again (monotonic microseconds), -1 when no probing goes on."""
        cdef SendingHalf transport = self._transport
        cdef int size, count = 0
        if self.closed or not transport.connected or transport.endpoint is None:
            return -1
        if transport.encrypted and self._session is None:
            return -1
        size = self._estimator.probation_due(now_us)
        if size > 0:
            transport.plane.begin(now_us)
            while size > 0 and count < MAX_AT_ONCE:
                if self._send_one(size) == 0:
                    break
                count += 1
                size = self._estimator.probation_due(now_us)
            transport.plane.batch.release()
            transport.plane.settle()
        return self._estimator.next_probation_us()

    cdef int _send_one(self, int size) noexcept:
        cdef SendingHalf transport = self._transport
        cdef Plane plane = transport.plane
        cdef unsigned char *slot
        cdef unsigned short number = 0
        cdef int sent = max(size, self._header_size + 1)
        if not transport.endpoint.has_room(sent + TRAILER_ROOM):
            plane.count.tcp_full += 1
            return 0
        slot = plane.batch.reserve(transport.endpoint)
        size = sent
        memcpy(slot, self._header, self._header_size)
        memset(slot + self._header_size, 0, size - self._header_size)
        self._sequence_number += 1
        self._timestamp += TIMESTAMP_STEP
        slot[2] = self._sequence_number >> 8
        slot[3] = self._sequence_number & 0xFF
        slot[4] = self._timestamp >> 24
        slot[5] = (self._timestamp >> 16) & 0xFF
        slot[6] = (self._timestamp >> 8) & 0xFF
        slot[7] = self._timestamp & 0xFF
        if self._abs_send_time_at != 0:
            slot[self._abs_send_time_at] = (plane.abs_send_time >> 16) & 0xFF
            slot[self._abs_send_time_at + 1] = (plane.abs_send_time >> 8) & 0xFF
            slot[self._abs_send_time_at + 2] = plane.abs_send_time & 0xFF
        number = transport.next_transport_wide_number(size)
        if self._transport_wide_cc_at != 0:
            slot[self._transport_wide_cc_at] = number >> 8
            slot[self._transport_wide_cc_at + 1] = number & 0xFF
        if transport.encrypted and self._session.protect(slot, &sent) != 0:
            plane.count.srtp_failed += 1
            return 0
        plane.batch.commit(&transport.destination, sent, self, size, False)
        transport.probation_sent.update(size, plane.now_us)
        transport.sent.update(sent, plane.now_us)
        if self.trace_probation:
            self._trace(size, number)
        return sent

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        self._transport.probation_sent.take_back(plain_size, self._transport.plane.now_us)
        self._transport.sent.take_back(size, self._transport.plane.now_us)

    cdef void _trace(self, int size, unsigned short transport_wide_number) noexcept:
        info = {
            "payloadType": PAYLOAD_TYPE,
            "sequenceNumber": self._sequence_number,
            "timestamp": self._timestamp,
            "marker": False,
            "ssrc": SSRC,
            "isKeyFrame": False,
            "size": size,
            "payloadSize": size - self._header_size,
            "spatialLayer": 0,
            "temporalLayer": 0,
            "mid": "probator",
            "wideSequenceNumber": transport_wide_number,
        }
        self._transport.plane.events.append(ProbationTraced(self, info))

    def close(self):
        """Forgets what was sent. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._transport.outgoing = None
        self._transport.detach(self)
        self._session = None
