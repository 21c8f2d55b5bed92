"""Numbers that the estimators' compiled modules share: each stands here once, and is used by its name.

Declared by module (``from miso.worker.bwe cimport enums``), so that ``enums.OVERUSE`` is a constant of C where a ``.py``
is compiled and the attribute of a module where it runs interpreted.
"""

cpdef enum:  # what the trend of the delay says of the path (draft-ietf-rmcat-gcc-02 section 5.4)
    NORMAL = 0
    OVERUSE = 1  # a queue grows
    UNDERUSE = -1  # a queue drains

cpdef enum:  # abs-send-time: seconds modulo 64, in units of 2^-18 s, which are 15625/4096 µs
    SEND_TIME_MASK = 0xFFFFFF
    SEND_TIME_US = 15625
    SEND_TIME_TICKS = 4096

cpdef enum:  # clusters of probes
    CLUSTERS = 8  # that are remembered
    MAX_CLUSTER = 255  # their ids begin anew after it
    MAX_WAITING = 4  # to be sent
    CLUSTER_MS = 15  # of its bitrate are in one

cpdef enum:  # transport-wide feedback
    TICK_US = 250  # of its times
    REFERENCE_TICKS = 256  # of a packet's reference time: 64 ms
    ARRIVALS = 2048  # that the receiver remembers
