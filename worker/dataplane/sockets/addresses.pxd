"""Socket addresses as the kernel and as the tables have them."""

from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.sockets.posix cimport sockaddr_in6


cdef struct PeerAddress:
    sockaddr_in6 name  # a sockaddr_in when `size` is that of one
    unsigned int size  # 0: nowhere


cdef int parse_address(object address, int family, unsigned int scope_id, PeerAddress *result) except -1
cdef int key_of_address(object address, PeerKey *key) except -1
cdef void key_of_name(const sockaddr_in6 *name, PeerKey *key) noexcept
cdef bint is_any(const sockaddr_in6 *name) noexcept
cdef object text_of_name(const sockaddr_in6 *name)
