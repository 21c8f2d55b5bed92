# A player's place in the ring, whose fields the fan-out moves.
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
    cdef bytes _before  # what comes before the next packet
    cdef Py_ssize_t _before_sent
    cdef Py_ssize_t _restart_at  # where in it a new beginning stands that it was told of last
    cdef long long _next  # the number of the next packet
    cdef size_t _next_sent  # bytes of it that are on their way
    cdef bint _waits_for_key  # for pictures
    cdef bint _holds_audio  # until then, too
    cdef bint _lost_pictures  # waits for a key frame because it was overtaken
