from miso.worker.rtp cimport enums
from miso.worker.rtp.codecs cimport h264, opus, vp8, vp9
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


cpdef bint describe(int codec, const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept
