"""Declares what a peer's congestion control is told of the packets that it sent."""

from miso.worker.bwe.remb cimport RemoteBitrateEstimator
from miso.worker.bwe.transport_feedback cimport TransportFeedback
from miso.worker.rtp.packet cimport RtpHeader


cdef class BandwidthFeedback:
    cdef int abs_send_time_id  # of the header extension, 0: not used; likewise below
    cdef int transport_wide_cc_id
    cdef TransportFeedback _transport_wide  # None: off; likewise below
    cdef RemoteBitrateEstimator _remb
    cdef long long _max_bitrate_bps

    cdef void on_packet(self, RtpHeader header, const unsigned char *data, int size, long long now_us) noexcept
    cdef int transport_wide_number(self, RtpHeader header, const unsigned char *data) noexcept
    cdef void set_rtt(self, double rtt_ms) noexcept
