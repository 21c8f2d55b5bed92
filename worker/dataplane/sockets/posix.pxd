"""The system calls and structures of Linux that the plane uses."""

from libc.stdint cimport uint16_t, uint32_t


cdef extern from "<sys/types.h>" nogil:
    ctypedef long ssize_t


cdef extern from "<sys/uio.h>" nogil:
    cdef struct iovec:
        void *iov_base
        size_t iov_len


cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <sys/socket.h>
    #include <netinet/in.h>
    #include <netinet/udp.h>
    #include <arpa/inet.h>
    #include <string.h>
    #ifndef SOL_UDP
    #define SOL_UDP 17
    #endif
    #ifndef UDP_SEGMENT
    #define UDP_SEGMENT 103
    #endif
    /* a message of equal segments that the kernel cuts itself (Linux 4.18) */
    static void miso_set_segment(struct msghdr *message, char *control, unsigned short size) {
        struct cmsghdr *head;
        message->msg_control = control;
        message->msg_controllen = CMSG_SPACE(sizeof(unsigned short));
        head = CMSG_FIRSTHDR(message);
        head->cmsg_level = SOL_UDP;
        head->cmsg_type = UDP_SEGMENT;
        head->cmsg_len = CMSG_LEN(sizeof(unsigned short));
        memcpy(CMSG_DATA(head), &size, sizeof(size));
    }
    """
    int errno
    int EAGAIN, EINTR, EINVAL, EIO, ENOPROTOOPT, EOPNOTSUPP, EMSGSIZE, EWOULDBLOCK, ENOBUFS
    int AF_INET, AF_INET6, AF_UNSPEC
    int MSG_DONTWAIT, MSG_TRUNC, MSG_NOSIGNAL, MSG_PEEK

    cdef struct in_addr:
        uint32_t s_addr

    cdef struct in6_addr:
        unsigned char s6_addr[16]

    cdef struct sockaddr:
        unsigned short sa_family

    cdef struct sockaddr_in:
        unsigned short sin_family
        uint16_t sin_port
        in_addr sin_addr

    cdef struct sockaddr_in6:
        unsigned short sin6_family
        uint16_t sin6_port
        uint32_t sin6_flowinfo
        in6_addr sin6_addr
        uint32_t sin6_scope_id

    cdef struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags

    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len

    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout)
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)
    ssize_t sendmsg(int fd, const msghdr *message, int flags)
    ssize_t sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned int address_size)
    ssize_t recv(int fd, void *data, size_t size, int flags)
    int bind(int fd, const void *address, unsigned int size)
    int connect(int fd, const void *address, unsigned int size)
    int getsockname(int fd, void *address, unsigned int *size)
    int getsockopt(int fd, int level, int option, void *value, unsigned int *size)
    int SOL_SOCKET, SO_ERROR
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)
    uint32_t htonl(uint32_t value)
    uint32_t ntohl(uint32_t value)
    int inet_pton(int family, const char *text, void *address)
    const char *inet_ntop(int family, const void *address, char *text, unsigned int size)
    void miso_set_segment(msghdr *message, char *control, unsigned short size)


cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)
