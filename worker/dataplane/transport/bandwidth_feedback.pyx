# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a peer's congestion control is told of the packets that it sent: when each arrived, or what the way carries."""

from miso.worker.bwe.remb cimport RemoteBitrateEstimator
from miso.worker.bwe.transport_feedback cimport TransportFeedback
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    TRANSPORT_WIDE_CC_SIZE = 2  # bytes of the extension's value; likewise below
    ABS_SEND_TIME_SIZE = 3


cdef class BandwidthFeedback:
    """Transport-wide feedback and REMB; both are off until control enables one.

    Attributes:
        max_bitrate_bps: no REMB asks for more; 0: no limit.
    """

    cdef void on_packet(self, RtpHeader header, const unsigned char *data, int size, long long now_us) noexcept:
        """An RTP packet came in, one of nothing but padding included."""
        cdef int found, at, number
        if self._transport_wide is not None:
            number = self.transport_wide_number(header, data)
            if number >= 0:
                self._transport_wide.media_ssrc = header.ssrc
                self._transport_wide.on_packet(number, now_us)
        if self._remb is not None and self.abs_send_time_id != 0:
            found = header.find_extension(self.abs_send_time_id)
            if found >= 0 and header.element_sizes[found] == ABS_SEND_TIME_SIZE:
                at = header.element_offsets[found]
                self._remb.on_packet(data[at] << 16 | data[at + 1] << 8 | data[at + 2], now_us, size)

    cdef int transport_wide_number(self, RtpHeader header, const unsigned char *data) noexcept:
        """The transport-wide sequence number of a packet, -1 when it has none."""
        cdef int found, at
        if self.transport_wide_cc_id == 0:
            return -1
        found = header.find_extension(self.transport_wide_cc_id)
        if found < 0 or header.element_sizes[found] != TRANSPORT_WIDE_CC_SIZE:
            return -1
        at = header.element_offsets[found]
        return data[at] << 8 | data[at + 1]

    cdef void set_rtt(self, double rtt_ms) noexcept:
        if self._remb is not None:
            self._remb.set_rtt(rtt_ms)

    def enable_transport_wide(self, bint enabled):
        """Records from now on when packets with a transport-wide sequence number arrive, or stops and forgets."""
        if not enabled:
            self._transport_wide = None
        elif self._transport_wide is None:
            self._transport_wide = TransportFeedback()

    def enable_remb(self, bint enabled):
        """Estimates from now on what the way to us can carry, by abs-send-time, or stops and forgets."""
        if not enabled:
            self._remb = None
        elif self._remb is None:
            self._remb = RemoteBitrateEstimator()
            self._remb.max_bitrate_bps = self._max_bitrate_bps

    @property
    def max_bitrate_bps(self):
        """As the class says."""
        return self._max_bitrate_bps

    @max_bitrate_bps.setter
    def max_bitrate_bps(self, long long value):
        self._max_bitrate_bps = value
        if self._remb is not None:
            self._remb.max_bitrate_bps = value
