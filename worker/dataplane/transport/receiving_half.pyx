# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Whose packets a transport's are: its streams by SSRC, the producers that they are of, and what is of no stream."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.transport.bandwidth_feedback cimport BandwidthFeedback
from miso.worker.dataplane.transport.unknown_ssrcs cimport UnknownSsrcs
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.ssrc_table cimport SsrcTable


cdef class ReceivingHalf:
    """What producers and their streams know of their transport.

    A peer finds only the streams of its own transport in the table: whatever SSRC it claims, it harms nobody else.
    """

    def __init__(self, Plane plane not None):
        self.plane = plane
        self.streams = SsrcTable()
        self.unknown = UnknownSsrcs(plane)
        self.feedback = BandwidthFeedback()
        self.producers = set()

    cdef int add_stream(self, unsigned int ssrc, object stream) except -1:
        """Packets with the SSRC are the stream's from now on; it takes itself back before it ends."""
        if self.streams.get(ssrc) != NULL:
            raise ValueError(f"the transport has SSRC {ssrc} already")
        self.streams.put(ssrc, <void *>stream)
        self.unknown.reconsider()
        return 0

    cdef void remove_stream(self, unsigned int ssrc, object stream) noexcept:
        """Takes ``add_stream`` back; no effect when the SSRC is another stream's."""
        if self.streams.get(ssrc) == <void *>stream:
            self.streams.remove(ssrc)
            self.unknown.reconsider()
            self.forget_stranger(ssrc)

    cdef void forget_stranger(self, unsigned int ssrc) noexcept:
        """SRTP let a packet pass and remembers its SSRC: it need not, unless a stream has it."""
        if self.inbound is not None and self.streams.get(ssrc) == NULL:
            self.inbound.forget(ssrc)

    cdef void ignore(self, unsigned int ssrc) noexcept:
        """What was reported last of the SSRC is nobody's."""
        if self.streams.get(ssrc) == NULL:
            self.unknown.ignore(ssrc)
            self.forget_stranger(ssrc)

    cdef int attach(self, object producer) except -1:
        self.producers.add(producer)
        self.unknown.begin_anew()
        return 0

    cdef void detach(self, object producer) noexcept:
        self.producers.discard(producer)
        self.unknown.reconsider()

    cdef dict describe_extensions(self, RtpHeader header, const unsigned char *data):
        """What a trace event says of a received packet's header extensions."""
        cdef int number = self.feedback.transport_wide_number(header, data)
        info = self.unknown.describe(header, data)
        if number >= 0:
            info["wideSequenceNumber"] = number
        return info
