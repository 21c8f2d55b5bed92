"""Integers as they stand in packets: the highest byte first."""


cdef inline void write_u16(unsigned char *target, unsigned int value) noexcept:
    target[0] = (value >> 8) & 0xFF
    target[1] = value & 0xFF


cdef inline void write_u24(unsigned char *target, unsigned int value) noexcept:
    target[0] = (value >> 16) & 0xFF
    target[1] = (value >> 8) & 0xFF
    target[2] = value & 0xFF


cdef inline void write_u32(unsigned char *target, unsigned int value) noexcept:
    target[0] = value >> 24
    target[1] = (value >> 16) & 0xFF
    target[2] = (value >> 8) & 0xFF
    target[3] = value & 0xFF


cdef inline unsigned int read_u16(const unsigned char *source) noexcept:
    return source[0] << 8 | source[1]


cdef inline unsigned int read_u32(const unsigned char *source) noexcept:
    return <unsigned int>source[0] << 24 | source[1] << 16 | source[2] << 8 | source[3]
