from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


cpdef bint parse(const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept
