cimport cython
from miso.worker.rtp cimport enums
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


@cython.locals(first=cython.uchar, flags=cython.uchar, position=int)
cpdef bint parse(const unsigned char *data, Py_ssize_t size, PayloadDescriptor descriptor) noexcept
