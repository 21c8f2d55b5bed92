"""Declares how a producer's packets are mapped to the router's numbers."""

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    # kinds of header extension: the first three are written by each consumer, the others pass
    MID = 0
    ABS_SEND_TIME = 1
    TRANSPORT_WIDE_CC = 2
    AUDIO_LEVEL = 3
    VIDEO_ORIENTATION = 4
    ABS_CAPTURE_TIME = 5
    FRAME_MARKING = 6
    TOFFSET = 7
    PLAYOUT_DELAY = 8
    KIND_COUNT = 9

cdef enum:
    NOT_MAPPED = 255  # in place of a payload type


cdef class RtpMapping:
    cdef unsigned char payload_types[128]  # received → forwarded, or NOT_MAPPED
    cdef int received_ids[KIND_COUNT]  # kind of extension → id at the sender, 0: it sends none
    cdef int forwarded_ids[KIND_COUNT]  # kind of extension → id of the router, 0: not forwarded
    cdef int audio_level  # -dBov 0 to 127 of the packet mapped last, -1: it says nothing
    cdef int orientation  # likewise, the 4 bits of the video orientation

    cdef void apply(self, Packet *packet, RtpHeader header, unsigned char *data, bint is_vp8) noexcept
    cdef void _widen_picture_id(self, RtpHeader header, unsigned char *data, PayloadDescriptor payload) noexcept
    cdef int _write_extensions(self, Packet *packet, RtpHeader header, const unsigned char *data, unsigned char *target) noexcept
