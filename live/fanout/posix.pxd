# What the fan-out needs of the system; Linux.
cdef extern from "<sys/types.h>" nogil:
    ctypedef long ssize_t


cdef extern from "<errno.h>" nogil:
    int errno
    enum:
        EAGAIN
        EINTR


cdef extern from "<sys/socket.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len

    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags

    ssize_t sendmsg(int fd, const msghdr *message, int flags)

    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL
