"""Numbers that several compiled modules share: each stands here once, and is used by its name.

Declared by module (``from miso.worker.rtp cimport enums``), so that ``enums.RTP`` is a constant of C where a ``.py`` is
compiled and the attribute of a module where it runs interpreted.
"""

cpdef enum:  # what ``packet.classify`` finds in a datagram (RFC 7983 section 7, RFC 5761 section 4)
    UNKNOWN = 0
    STUN = 1
    DTLS = 2
    RTP = 3
    RTCP = 4

cpdef enum:  # the RTP header (RFC 3550 section 5.1, RFC 8285)
    FIXED_HEADER_SIZE = 12  # bytes
    SSRC_AT = 8  # where it stands
    ONE_BYTE_FORM = 0xBEDE  # extension profiles; the second has four bits that say nothing
    TWO_BYTE_FORM = 0x1000
    MAX_ELEMENTS = 16  # of a header extension that are looked at

cpdef enum:  # what ``RtpHeader.parse`` finds: indices of ``packet.PARSE_ERRORS``
    IS_VALID = 0
    IS_TOO_SHORT = 1
    HAS_OTHER_VERSION = 2
    CSRCS_OVERRUN = 3
    EXTENSION_OVERRUNS = 4
    PADDING_OVERRUNS = 5

cpdef enum:
    RATE_BUCKETS = 50  # that make up the window of a ``RateCalculator``

cpdef enum:  # types of H264 units (RFC 6184 section 5.2)
    NAL_SLICE = 1
    NAL_IDR_SLICE = 5
    NAL_SEI = 6
    NAL_SPS = 7
    NAL_PPS = 8
    NAL_STAP_A = 24
    NAL_FU_A = 28
    NAL_TYPE = 31  # the bits of a unit's first byte that say its type

cpdef enum:  # bits of VP8's payload descriptor (RFC 7741 section 4.2): of its first byte, ...
    VP8_X = 0x80
    VP8_N = 0x20
    VP8_BEGINNING = 0x17  # S and PID, which together tell a frame's first packet: ...
    VP8_BEGINS_FRAME = 0x10  # ... S, and partition 0
    VP8_I = 0x80  # ... and of the byte X
    VP8_L = 0x40
    VP8_T = 0x20
    VP8_K = 0x10
    VP8_INTER = 1  # P of the frame's own first byte (RFC 6386 section 9.1)

cpdef enum:  # bits of the first byte of VP9's payload descriptor (RFC 9628 section 4.2)
    VP9_I = 0x80
    VP9_P = 0x40
    VP9_L = 0x20
    VP9_F = 0x10
    VP9_B = 0x08
    VP9_E = 0x04
    VP9_V = 0x02
    VP9_Z = 0x01
    VP9_MAX_P_DIFFS = 3  # references of a frame in flexible mode
    VP9_Y = 0x10  # of the scalability structure's first byte: sizes of the layers follow, ...
    VP9_G = 0x08  # ... and pictures
    VP9_LAYER_SIZE = 4  # bytes of a layer's width and height

cpdef enum:  # codecs; those from VP8 on have key frames that are recognised
    OTHER = 0
    OPUS = 1
    VP8 = 2
    VP9 = 3
    H264 = 4

cpdef enum:  # what a layer selector answers for a packet
    DROP = 0  # the numbers after it close up
    FORWARD = 1
    FORWARD_AFTER_SYNC = 2  # as the first one of something new
    IGNORE = 3  # it is of no concern

cpdef enum:  # bits of ``LayerSelector.notice``
    LAYERS_CHANGED = 1
    KEY_FRAME_MISSED = 2

cpdef enum:  # values of ``LayerSelector.numbered_stream`` besides the index of a stream
    ANY_STREAM = -1
    NO_STREAM = -2

cpdef enum:  # what a selector has written over a packet: bits of ``LayerSelector.rewrite``
    REWRITE_MARKER = 0x10000000
    REWRITE_INDICES = 0x20000000  # with a picture id of 15 bits, 8 of TL0PICIDX and 5 of KEYIDX in the lowest 28

cpdef enum:  # bits of ``PayloadDescriptor.units``: what an H264 packet carries, or begins
    SPS = 1
    PPS = 2
    RECOVERY_POINT = 4
    IDR = 8
    INTRA = 16
    INTER = 32

cpdef enum:  # what ``ReceiveStats`` finds of a packet's sequence number
    DISCARDED = 0
    VALID = 1
    RESTARTED = 2  # valid, and the sender began its numbering anew

cpdef enum:  # bits of what ``NackGenerator.on_packet`` finds
    NACKED_PACKET = 1  # it had been asked for
    NACK_NEEDED = 2  # others are missing
    KEY_FRAME_NEEDED = 4

cpdef enum:  # what ``RetransmissionIndex.take`` finds
    NOT_FOUND = 0
    FOUND = 1
    TOO_SOON = 2

cpdef enum:  # the words of a row of ``RetransmissionIndex``
    ROW_STATE = 0
    ROW_SLOT = 1
    ROW_GENERATION = 2
    ROW_TIMESTAMP_OFFSET = 3
    ROW_SENT_AT = 4
    ROW_RESENT_AT = 5
    ROW_REWRITE = 6
    ROW_WORDS = 7
