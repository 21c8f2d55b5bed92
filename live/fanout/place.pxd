# A player's place in the ring, whose fields the fan-out moves.
from miso.live.fanout.framed cimport Framed


cdef class Place:
    cdef readonly int fd
    cdef readonly unsigned long long sent_bytes
    cdef readonly unsigned long long skipped_packets
    cdef readonly unsigned long long dropped_packets
    cdef readonly unsigned int restarts
    cdef readonly long long blocked_since_us
    cdef readonly str error
    cdef public bint wants_audio
    cdef public bint wants_video
    cdef Framed _partial  # what it has begun to get; None: it has all that it has begun
    cdef size_t _partial_sent
    cdef bytes _before  # what comes then, before the next packet
    cdef Py_ssize_t _before_sent
    cdef bint _begins_anew  # it gets the configurations before the next packet, and ...
    cdef bint _was_overtaken  # ... that is a key frame
    cdef long long _next  # the number of the next packet
    cdef bint _waits_for_key  # for pictures
    cdef bint _holds_audio  # until then, too
    cdef bint _lost_pictures  # waits for a key frame because it was overtaken
