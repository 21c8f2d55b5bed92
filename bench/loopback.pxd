"""Sends to ports of this machine, for the floor and for receivers that report."""

from libc.stdint cimport uint32_t

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <arpa/inet.h>
    #include <netinet/in.h>
    #include <sys/socket.h>
    """
    int AF_INET, MSG_DONTWAIT
    cdef struct in_addr:
        uint32_t s_addr
    cdef struct sockaddr_in:
        unsigned short sin_family
        unsigned short sin_port
        in_addr sin_addr
    unsigned short htons(unsigned short value)
    uint32_t htonl(uint32_t value)
    long sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned int address_size)

cdef enum:
    LOOPBACK = 0x7F000001


cdef inline void name_port(sockaddr_in *name, unsigned short port) noexcept nogil:
    """Writes the address of a port on 127.0.0.1."""
    name.sin_family = AF_INET
    name.sin_port = htons(port)
    name.sin_addr.s_addr = htonl(LOOPBACK)
