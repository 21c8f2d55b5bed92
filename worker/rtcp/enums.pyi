"""Types of ``enums.pyx``: numbers that compiled modules share. What they mean stands in ``enums.pxd``."""

END: int
MALFORMED: int
SENDER_REPORT: int
RECEIVER_REPORT: int
EXTENDED_REPORT: int
NACK: int
PLI: int
FIR: int
REMB: int
TRANSPORT_WIDE: int
OTHER: int

EMPTY: int
TOO_MANY: int
HEADER_CUT: int
WRONG_VERSION: int
OVERRUN: int
WRONG_PADDING: int
SENDER_REPORT_CUT: int
RECEIVER_REPORT_CUT: int
SDES_CUT: int
SDES_ENDLESS: int
GOODBYE_CUT: int
APPLICATION_CUT: int
EXTENDED_REPORT_CUT: int
NACK_CUT: int
NACK_ODD: int
PLI_CUT: int
FIR_CUT: int
FIR_ODD: int
APPLICATION_FEEDBACK_CUT: int
REMB_CUT: int
REMB_TOO_HIGH: int

MAX_MEMBERS: int
MAX_NACKED: int
MAX_FIR_ENTRIES: int
MAX_DELAYS: int
