"""The hash of the tables: with a random secret, so that a peer cannot choose its SSRCs or ports to make a lookup long."""

from libc.stdint cimport uint64_t


cdef inline uint64_t mix(uint64_t value, uint64_t secret) noexcept:
    value = (value ^ secret) * <uint64_t>0x9E3779B97F4A7C15
    value ^= value >> 32
    value *= <uint64_t>0xD6E8FEB86659FD93
    return value ^ (value >> 32)
