"""Numbers that SCTP's compiled modules share: each stands here once, and is used by its name.

Declared by module (``from miso.worker.sctp cimport enums``), so that ``enums.FLAG_END`` is a constant of C where a
``.py`` is compiled and the attribute of a module where it runs interpreted.
"""

cpdef enum:  # types of the chunks that come with every message; ``wire/constants.py`` has all of them
    DATA = 0
    SACK = 3
    I_DATA = 64
    FORWARD_TSN = 192
    I_FORWARD_TSN = 194

cpdef enum:  # flags of DATA and I-DATA (RFC 9260 section 3.3.1, RFC 8260 section 2.1)
    FLAG_END = 1  # the message's last fragment
    FLAG_BEGIN = 2  # its first one
    FLAG_WHOLE = FLAG_BEGIN | FLAG_END  # the message has but one
    FLAG_UNORDERED = 4
    FLAG_IMMEDIATE = 8  # to be acknowledged at once (RFC 7053)

cpdef enum:  # sizes, bytes
    COMMON_HEADER_SIZE = 12
    CHUNK_HEADER_SIZE = 4
    DATA_HEADER_SIZE = 16  # the chunk header included
    I_DATA_HEADER_SIZE = 20
    SACK_HEADER_SIZE = 16
    PATH_MTU = 1200  # of a packet that is sent, as the reference worker sets it
    ROOM = PATH_MTU - COMMON_HEADER_SIZE  # for the chunks of such a packet

cpdef enum:  # where a chunk that has left stands
    IN_FLIGHT = 0
    GAP_ACKED = 1  # so the peer may still take it back (RFC 9260 section 6.2.1)
    LOST = 2  # to be sent again
    ABANDONED = 3  # to be skipped (RFC 3758)

cpdef enum:  # what a SACK did
    NOT_TAKEN = -1  # it is old, or acknowledges what was never sent
    NOTHING = 0
    ADVANCED = 1  # a bit: the cumulative TSN
    ACKNOWLEDGED = 2  # a bit: something for the first time

cpdef enum:  # congestion control (RFC 9260 section 7.2)
    INITIAL_WINDOW = 4404  # bytes
    MIN_THRESHOLD = 4 * PATH_MTU  # bytes
    BURST = 4 * PATH_MTU  # bytes that one event sets free at most (section 6.1 D)
    MISSING_REPORTS = 3  # make a chunk lost (section 7.2.4)

cpdef enum:  # limits of what is sent
    MAX_STREAMS = 65535
    MAX_OUTSTANDING = 4096  # chunks
    MAX_PROBES = 2  # before the retransmission timeout
    MAX_CONTROL_CHUNKS = 32  # that wait for a packet
    MAX_DROPPED_AT_ONCE = 1024  # messages that expired in the queue

cpdef enum:  # what became of a DATA chunk that came
    TAKEN = 0
    REPEATED = 1  # it had come before
    DROPPED = 2  # there is no room, it must come again
    NO_USER_DATA = 3
    INVALID_STREAM = 4  # acknowledged and thrown away
    OUT_OF_RESOURCE = 5  # there is no room and never will be

cpdef enum:  # what is known of a TSN that comes
    NEW = 0
    DUPLICATE = 1
    BEYOND_WINDOW = 2

cpdef enum:  # limits of what is received
    TSN_WINDOW = 8192  # TSNs beyond the cumulative one
    TSN_WORDS = TSN_WINDOW >> 6  # of 64 bits, one for each
    MAX_DUPLICATES = 32  # told with a SACK
    SLICE = 64  # messages that had to wait and are handed out at a time
    MIN_BUFFER_SIZE = 1 << 20  # bytes that are kept at least; twice the largest message if that is more
    MAX_BUFFER_SIZE = 1 << 28
    CHUNK_OVERHEAD = 512  # room that a chunk needs beside its bytes: at most so much is charged for one
    UNACKNOWLEDGED_PACKETS = 2  # with data make a SACK leave at once (RFC 9260 section 6.2)

cpdef enum:  # phases of an association, in their order (RFC 9260 section 4)
    CLOSED = 0
    COOKIE_WAIT = 1
    COOKIE_ECHOED = 2
    ESTABLISHED = 3
    SHUTDOWN_PENDING = 4
    SHUTDOWN_SENT = 5
    SHUTDOWN_RECEIVED = 6
    SHUTDOWN_ACK_SENT = 7

cpdef enum:  # timers: RFC 9260's, the delayed SACK, the heartbeat, RFC 6525's, the rest of long work, RFC 8985's probe
    TIMER_T1 = 0
    TIMER_T2 = 1
    TIMER_T3 = 2
    TIMER_SACK = 3
    TIMER_HEARTBEAT = 4
    TIMER_RECONFIG = 5
    TIMER_REST = 6
    TIMER_PROBE = 7
    TIMER_COUNT = 8
