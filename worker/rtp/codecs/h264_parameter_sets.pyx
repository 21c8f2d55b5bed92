# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The parameter sets of an H264 stream: some senders give them once only, and a decoder cannot begin without."""

from libc.string cimport memcpy, memmove

from miso.worker.rtp.enums cimport NAL_PPS, NAL_SPS, NAL_STAP_A, NAL_TYPE

cdef enum:
    SPS_ID_AT = 32  # bits of the unit before its id: type, profile, constraints, level
    PPS_ID_AT = 8


cdef int _exp_golomb(const unsigned char *data, int size, int bit) noexcept:
    """The number that begins at a bit (ITU-T H.264 section 9.1), -1 beyond 31, the most that an id can be."""
    cdef int zeros = 0, value = 0, index
    while bit < 8 * size and (data[bit >> 3] >> (7 - (bit & 7))) & 1 == 0:
        zeros += 1
        bit += 1
    if zeros > 8 or bit + zeros >= 8 * size:
        return -1
    for index in range(zeros + 1):
        value = value << 1 | (data[(bit + index) >> 3] >> (7 - ((bit + index) & 7))) & 1
    return value - 1


cdef class H264ParameterSets:
    """The newest sequence and picture parameter sets of one stream, by kind and id."""

    cdef void take(self, const unsigned char *payload, int size) noexcept:
        """Looks through a payload that carries some and was found well-formed: a single unit or a STAP-A."""
        cdef int position = 1, unit_size
        if size < 1 or payload[0] & NAL_TYPE != NAL_STAP_A:
            self._keep(payload, size)
            return
        while position + 2 <= size:
            unit_size = payload[position] << 8 | payload[position + 1]
            position += 2
            if position + unit_size > size:
                return
            self._keep(payload + position, unit_size)
            position += unit_size

    cdef void _keep(self, const unsigned char *unit, int size) noexcept:
        cdef int kind, id, at
        if size < 2 or size > MAX_SET_SIZE:
            return
        kind = unit[0] & NAL_TYPE
        if kind != NAL_SPS and kind != NAL_PPS:
            return
        id = _exp_golomb(unit, size, SPS_ID_AT if kind == NAL_SPS else PPS_ID_AT)
        for at in range(self.count):
            if self.sets[at].kind == kind and self.sets[at].id == id:
                break
        else:
            if self.count == MAX_SETS:  # more than anybody needs: the last one makes room
                self.count -= 1
            at = self.count
            if kind == NAL_SPS:
                at = 0
                while at < self.count and self.sets[at].kind == NAL_SPS:
                    at += 1
            memmove(&self.sets[at + 1], &self.sets[at], (self.count - at) * sizeof(ParameterSet))
            self.count += 1
        self.sets[at].kind = kind
        self.sets[at].id = id
        self.sets[at].size = size
        memcpy(self.sets[at].data, unit, size)
        self.complete = self.sets[0].kind == NAL_SPS and self.sets[self.count - 1].kind == NAL_PPS
