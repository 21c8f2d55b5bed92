# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Socket addresses as the kernel and as the tables have them.

In the tables IPv4 stands as v4-mapped IPv6 (RFC 4291 section 2.5.5.2), so that a peer is the same whether it came in on an
IPv4 socket or on a dual-stack one; as text it is always plain IPv4, and never has a scope id.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.sockets.posix cimport (
    AF_INET,
    AF_INET6,
    htons,
    inet_ntop,
    inet_pton,
    ntohs,
    sockaddr_in,
    sockaddr_in6,
)

cdef unsigned char MAPPED[12]
memset(MAPPED, 0, 10)
MAPPED[10] = MAPPED[11] = 0xFF


cdef int _parse_ip(object ip, unsigned char *result) except -1:
    """Fills 16 bytes. Raises ValueError for a text that is no IP address."""
    cdef bytes text = ip.partition("%")[0].encode()
    if inet_pton(AF_INET, text, result + 12) == 1:
        memcpy(result, MAPPED, 12)
    elif inet_pton(AF_INET6, text, result) != 1:
        raise ValueError(f"not an IP address: {ip!r}")
    return 0


cdef int parse_address(object address, int family, unsigned int scope_id, PeerAddress *result) except -1:
    """The name of an (ip, port) for a socket of the family. Raises ValueError when it has none there."""
    cdef unsigned char ip[16]
    cdef sockaddr_in *short_name = <sockaddr_in *>&result.name
    cdef int port = address[1]
    if port < 0 or port > 65535:
        raise ValueError(f"port is {port}, expected 0 to 65535")
    _parse_ip(address[0], ip)
    memset(result, 0, sizeof(PeerAddress))
    if family == AF_INET:
        for at in range(12):
            if ip[at] != MAPPED[at]:
                raise ValueError(f"{address[0]!r} cannot be reached from an IPv4 socket")
        short_name.sin_family = AF_INET
        short_name.sin_port = htons(port)
        memcpy(&short_name.sin_addr, ip + 12, 4)
        result.size = sizeof(sockaddr_in)
        return 0
    result.name.sin6_family = AF_INET6
    result.name.sin6_port = htons(port)
    memcpy(result.name.sin6_addr.s6_addr, ip, 16)
    if ip[0] == 0xFE and (ip[1] & 0xC0) == 0x80:
        result.name.sin6_scope_id = scope_id
    result.size = sizeof(sockaddr_in6)
    return 0


cdef int key_of_address(object address, PeerKey *key) except -1:
    cdef unsigned char ip[16]
    _parse_ip(address[0], ip)
    memcpy(&key.high, ip, 8)
    memcpy(&key.low, ip + 8, 8)
    key.port = htons(address[1])
    return 0


cdef void key_of_name(const sockaddr_in6 *name, PeerKey *key) noexcept:
    cdef const sockaddr_in *short_name = <const sockaddr_in *>name
    cdef unsigned char *low = <unsigned char *>&key.low
    if name.sin6_family == AF_INET:
        key.high = 0
        memcpy(low, MAPPED + 8, 4)
        memcpy(low + 4, &short_name.sin_addr, 4)
        key.port = short_name.sin_port
    else:
        memcpy(&key.high, name.sin6_addr.s6_addr, 8)
        memcpy(low, name.sin6_addr.s6_addr + 8, 8)
        key.port = name.sin6_port


cdef bint is_any(const sockaddr_in6 *name) noexcept:
    """Whether it stands for all addresses of the machine: ``0.0.0.0`` or ``::``."""
    cdef PeerKey key
    cdef uint32_t mapped
    key_of_name(name, &key)
    if name.sin6_family == AF_INET:
        memcpy(&mapped, <unsigned char *>&key.low + 4, 4)
        return mapped == 0
    return key.high == 0 and key.low == 0


cdef object text_of_name(const sockaddr_in6 *name):
    """(ip, port) of a name that the kernel gave."""
    cdef char text[64]
    cdef const sockaddr_in *short_name = <const sockaddr_in *>name
    cdef PeerKey key
    cdef uint32_t mapped
    if name.sin6_family == AF_INET:
        inet_ntop(AF_INET, &short_name.sin_addr, text, sizeof(text))
        return text.decode(), ntohs(short_name.sin_port)
    key_of_name(name, &key)
    memcpy(&mapped, &key.low, 4)
    if key.high == 0 and mapped == (<uint32_t *>(MAPPED + 8))[0]:
        inet_ntop(AF_INET, <const unsigned char *>name.sin6_addr.s6_addr + 12, text, sizeof(text))
    else:
        inet_ntop(AF_INET6, name.sin6_addr.s6_addr, text, sizeof(text))
    return text.decode(), ntohs(name.sin6_port)
