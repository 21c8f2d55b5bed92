cpdef int u16(const unsigned char *data, Py_ssize_t offset) noexcept

cpdef unsigned int u32(const unsigned char *data, Py_ssize_t offset) noexcept

cpdef Py_ssize_t padded(Py_ssize_t size) noexcept

cpdef bint has_reached32(unsigned int number, unsigned int other) noexcept

cpdef bint has_reached16(int number, int other) noexcept
