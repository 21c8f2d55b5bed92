from worker.rtp.codecs cimport h264, opus, vp8, vp9
from worker.rtp.codecs.payload cimport PayloadDescriptor

cdef int _OPUS
cdef int _VP8
cdef int _VP9
cdef int _H264


cpdef bint describe(int codec, const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept
