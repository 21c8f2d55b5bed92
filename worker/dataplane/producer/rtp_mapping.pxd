"""Declares the renaming of a producer's packets to the router's terms."""

from miso.worker.dataplane.producer.packet_store cimport Packet
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    # kinds of header extension: the first three are written by each consumer, the others pass
    MID = 0
    ABS_SEND_TIME = 1
    TRANSPORT_WIDE_CC = 2
    AUDIO_LEVEL = 3
    VIDEO_ORIENTATION = 4
    FRAME_MARKING = 6
    KIND_COUNT = 9
    NOT_MAPPED = 255


cdef class RtpMapping:
    cdef unsigned char payload_types[128]  # received → forwarded, 255: not mapped
    cdef int received_ids[9]
    cdef int forwarded_ids[9]
    cdef int audio_level  # -dBov 0 to 127 of the packet renamed last, -1: it says nothing
    cdef int orientation  # likewise, the 4 bits of the video orientation

    cdef void rename(self, Packet *packet, RtpHeader header, unsigned char *data, bint is_vp8) noexcept
    cdef void _widen_picture_id(self, RtpHeader header, unsigned char *data, PayloadDescriptor payload) noexcept
    cdef int _write_extensions(self, Packet *packet, RtpHeader header, const unsigned char *data, unsigned char *target) noexcept
