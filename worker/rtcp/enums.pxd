"""Numbers that the compiled readers of RTCP share: each stands here once, and is used by its name."""

cpdef enum:  # what a member of a compound packet is; ``CompoundReader.next`` finds one of these
    END = 0  # there is no further member
    MALFORMED = 1
    SENDER_REPORT = 2
    RECEIVER_REPORT = 3
    EXTENDED_REPORT = 4
    NACK = 5
    PLI = 6
    FIR = 7
    REMB = 8
    TRANSPORT_WIDE = 9
    OTHER = 10  # nothing that we act on

cpdef enum:  # what is wrong with it: places in ``compound_reader.PROBLEMS``
    EMPTY = 0
    TOO_MANY = 1
    HEADER_CUT = 2
    WRONG_VERSION = 3
    OVERRUN = 4
    WRONG_PADDING = 5
    SENDER_REPORT_CUT = 6
    RECEIVER_REPORT_CUT = 7
    SDES_CUT = 8
    SDES_ENDLESS = 9
    GOODBYE_CUT = 10
    APPLICATION_CUT = 11
    EXTENDED_REPORT_CUT = 12
    NACK_CUT = 13
    NACK_ODD = 14
    PLI_CUT = 15
    FIR_CUT = 16
    FIR_ODD = 17
    APPLICATION_FEEDBACK_CUT = 18
    REMB_CUT = 19
    REMB_TOO_HIGH = 20

cpdef enum:  # so much is read of one member, however long it is
    MAX_MEMBERS = 128  # of a compound: a datagram holds more only when somebody wants to keep us busy
    MAX_NACKED = 1024  # sequence numbers
    MAX_FIR_ENTRIES = 64
    MAX_DELAYS = 256  # of an extended report
