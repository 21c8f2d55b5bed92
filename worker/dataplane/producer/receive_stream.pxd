"""Declares the streams for the producer that owns them."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.producer.packet_store cimport Packet
from miso.worker.rtp.codecs.h264_parameter_sets cimport H264ParameterSets
from miso.worker.dataplane.producer.rtp_mapping cimport RtpMapping
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.nack cimport NackGenerator
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.rate cimport RateCalculator
from miso.worker.rtp.receive_stats cimport ReceiveStats
from miso.worker.rtp.source_clock cimport SourceClock


cdef class ReceiveStream:
    cdef public object owner
    cdef public bytes mid
    cdef readonly unsigned int ssrc
    cdef readonly unsigned int rtx_ssrc
    cdef readonly unsigned int mapped_ssrc
    cdef readonly unsigned long long packets_repaired
    cdef readonly unsigned long long packets_recovered
    cdef readonly unsigned long long bytes_recovered
    cdef readonly unsigned long long packets_retransmitted
    cdef readonly unsigned long long packets_duplicate
    cdef readonly unsigned long long nack_count
    cdef readonly unsigned long long nack_packet_count
    cdef readonly unsigned long long sender_report_ntp
    cdef readonly unsigned int sender_report_timestamp
    cdef readonly long long sender_report_us
    cdef readonly bint closed
    cdef object producer  # the ProducerPlane that it is of
    cdef int index  # among that one's streams
    cdef int codec
    cdef Plane _plane
    cdef ReceivingHalf _receiving
    cdef RtpMapping _mapping
    cdef int _payload_type
    cdef int _rtx_payload_type
    cdef unsigned int _clock_rate
    cdef bint _use_pli
    cdef bint _use_inband_fec
    cdef double _rtt_ms
    cdef ReceiveStats _stats
    cdef ReceiveStats _rtx_stats
    cdef NackGenerator _nack
    cdef RateCalculator _rate
    cdef list _layer_rates  # of spatial layer × temporal layers
    cdef int _spatial_layers
    cdef int _temporal_layers
    cdef SourceClock _clock
    cdef unsigned int _reported_stops
    cdef unsigned int _timestamp  # of the packet in hand, on the clock's line
    cdef bint _any_key_frame
    cdef unsigned int _key_frame_timestamp
    cdef H264ParameterSets parameter_sets  # of H264, else None
    cdef int bare_pictures  # at which a decoder could have begun if there had been parameter sets, of late
    cdef unsigned int _access_unit  # timestamp
    cdef int _access_unit_units  # of its packets so far
    cdef int _picture_id  # 15 bits, of the last packet
    cdef bint _restarted
    cdef bint _window_started
    cdef unsigned short _window_top
    cdef unsigned long long _window[32]
    cdef int _repeated  # packets in a row, by number, that came before
    cdef int _repeated_newer  # of these, with timestamps that are newer than all others
    cdef unsigned short _repeated_next  # the number that goes on with them
    cdef bint is_overtaken(self, RtpHeader header) noexcept
    cdef PayloadDescriptor receive(self, RtpHeader header, unsigned char *data, int size, bint recovered)
    cdef void fill(self, Packet *packet, RtpHeader header) noexcept
    cdef bint _decapsulate(self, RtpHeader header, const unsigned char *data, int size) noexcept
    cdef void _describe(self, RtpHeader header, unsigned char *data, PayloadDescriptor payload) noexcept
    cdef void _follow_clock(self, RtpHeader header, bint is_key_frame) noexcept
    cdef inline bint has_received(self, unsigned short sequence_number) noexcept:
        """Whether a packet has come, of the last 2048 numbers."""
        return (
            self._window_started
            and ((self._window_top - sequence_number) & 0xFFFF) < 2048
            and self._window[(sequence_number & 2047) >> 6] >> (sequence_number & 63) & 1
        )
    cdef inline bint is_missing(self, unsigned short sequence_number) noexcept:
        """Whether the sender is asked for a packet, which may come then."""
        return self._nack is not None and self._nack.is_missing(sequence_number)
    cdef void _look_at_units(self, RtpHeader header, const unsigned char *data, PayloadDescriptor payload) noexcept
    cdef bint _leads_over_old_numbers(self, RtpHeader header) noexcept
    cdef void _begin_numbering_anew(self, unsigned short sequence_number) noexcept
    cdef bint _is_duplicate(self, unsigned short sequence_number) noexcept
    cdef bint _watch_loss(self, unsigned short sequence_number, bint is_key_frame, bint recovered) noexcept
    cdef void _report_key_frame_needed(self) noexcept
    cdef void _leave_rtx(self) noexcept
    cdef void _count_layers(self, PayloadDescriptor payload, int size) noexcept
