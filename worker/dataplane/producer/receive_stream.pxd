"""Declares the streams for the producer that owns them."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.rtp_mapping cimport RtpMapping
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.rtcp.compound_writer cimport BlockEntry
from miso.worker.rtcp.echo_clock cimport EchoClock
from miso.worker.rtcp.sender_clock cimport CaptureClock
from miso.worker.rtp.codecs.h264_parameter_sets cimport H264ParameterSets
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.layer_rates cimport LayerRates
from miso.worker.rtp.nack cimport NackGenerator
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.receive_stats cimport ReceiveStats
from miso.worker.rtp.received_window cimport ReceivedWindow
from miso.worker.rtp.source_clock cimport SourceClock


cdef class ReceiveStream:
    cdef public object owner
    cdef public bytes mid
    cdef readonly unsigned int ssrc
    cdef readonly unsigned int rtx_ssrc
    cdef readonly unsigned int mapped_ssrc
    cdef readonly ReceiveStats stats
    cdef readonly ReceiveStats rtx_stats
    cdef readonly LayerRates rates
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
    cdef readonly EchoClock last_report
    cdef readonly EchoClock last_rtx_report
    cdef public bint tells_worst_loss
    cdef readonly bint closed
    cdef object producer  # the ProducerPlane that it is of
    cdef int index  # among that one's streams
    cdef int codec  # of ``enums``
    cdef ReceivedWindow window
    cdef H264ParameterSets parameter_sets  # None for other codecs
    cdef int bare_pictures  # at which a decoder could have begun if there had been parameter sets, since there were
    cdef Plane _plane
    cdef ReceivingHalf _receiving
    cdef RtpMapping _mapping  # of its producer
    cdef int _payload_type
    cdef int _rtx_payload_type
    cdef unsigned int _clock_rate
    cdef bint _use_pli
    cdef double _rtt_ms  # to the sender, 0 while unknown
    cdef NackGenerator _nack  # None: the sender sends nothing again
    cdef SourceClock _clock
    cdef CaptureClock _capture_clock  # None: control has not said whose it is
    cdef unsigned int _reported_stops  # ``SourceClock.stops`` at the last sender report
    cdef unsigned int _timestamp  # of the packet in hand, on the clock's line
    cdef bint _any_key_frame  # has been told of
    cdef unsigned int _key_frame_timestamp  # of the last one
    cdef unsigned int _access_unit  # timestamp of the H264 picture that comes in
    cdef int _access_unit_units  # of its packets so far, bits of ``enums``
    cdef int _picture_id  # 15 bits, of the last packet
    cdef bint _restarted  # the numbering, and no packet has gone on since
    cdef int _repeated  # packets in a row, by number, that came before
    cdef int _repeated_newer  # of these, with timestamps that are newer than all others
    cdef unsigned short _repeated_next  # the number that goes on with them

    cdef bint is_overtaken(self, RtpHeader header) noexcept
    cdef PayloadDescriptor receive(self, RtpHeader header, unsigned char *data, int size, bint recovered)
    cdef void fill(self, Packet *packet, RtpHeader header) noexcept
    cdef bint _decapsulate(self, RtpHeader header, const unsigned char *data, int size) noexcept
    cdef void _describe(self, RtpHeader header, unsigned char *data, PayloadDescriptor payload) noexcept
    cdef void _follow_clock(self, RtpHeader header, bint is_key_frame) noexcept
    cdef inline bint is_missing(self, unsigned short sequence_number) noexcept:
        """Whether the sender is asked for a packet, which may come then."""
        return self._nack is not None and self._nack.is_missing(sequence_number)
    cdef void _look_at_units(self, RtpHeader header, const unsigned char *data, PayloadDescriptor payload) noexcept
    cdef bint _leads_over_old_numbers(self, RtpHeader header) noexcept
    cdef void _begin_numbering_anew(self, unsigned short sequence_number) noexcept
    cdef bint _watch_loss(self, unsigned short sequence_number, bint is_key_frame, bint recovered) noexcept
    cdef void _report_key_frame_needed(self) noexcept
    cdef void _leave_rtx(self) noexcept
    cdef bint captured_at(self, long long now_us, unsigned long long ntp, unsigned int *timestamp) noexcept
    cdef int report_blocks(self, long long now_us, int worst_loss, BlockEntry *blocks) noexcept
