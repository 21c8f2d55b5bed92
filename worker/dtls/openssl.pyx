# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""DTLS by the OpenSSL inside the cryptography wheel, called by function pointer.

pyOpenSSL makes the context, once for a worker. What it would do for each connection is done here: for a handshake it
took some 250 calls of Python, and a worker that has slept finds all of them cold.

The only file that knows private names of both: cryptography's ``_openssl``, pyOpenSSL's ``_context``. ``load`` checks
them, and the types of the functions.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uintptr_t

cdef enum:
    CHANGE_CIPHER_SPEC = 20  # content types of records (RFC 6347 section 4.1)
    HANDSHAKE = 22
    RECORD_HEADER_SIZE = 13
    EPOCH_AT = 3  # in the header
    LENGTH_AT = 11  # of what follows it
    MAX_PARTS = 8  # of a datagram; a peer's has two epochs, or three
    MAX_MESSAGE = 16384  # bytes
    ALL = 65536  # records, more than can have come before a handshake was over

ctypedef void SSL
ctypedef void SSL_CTX
ctypedef void BIO
ctypedef void BIO_METHOD
ctypedef void X509

cdef SSL *(*SSL_new)(SSL_CTX *) noexcept nogil
cdef void (*SSL_free)(SSL *) noexcept nogil
cdef void (*SSL_set_bio)(SSL *, BIO *, BIO *) noexcept nogil
cdef long (*SSL_set_mtu)(SSL *, long) noexcept nogil
cdef void (*SSL_set_accept_state)(SSL *) noexcept nogil
cdef void (*SSL_set_connect_state)(SSL *) noexcept nogil
cdef int (*SSL_do_handshake)(SSL *) noexcept nogil
cdef int (*SSL_read)(SSL *, void *, int) noexcept nogil
cdef int (*SSL_write)(SSL *, const void *, int) noexcept nogil
cdef int (*SSL_shutdown)(SSL *) noexcept nogil
cdef int (*SSL_get_error)(SSL *, int) noexcept nogil
cdef X509 *(*SSL_get_peer_certificate)(SSL *) noexcept nogil
cdef const char **(*SSL_get_selected_srtp_profile)(SSL *) noexcept nogil  # a structure that begins with the name
cdef int (*SSL_export_keying_material)(
    SSL *, unsigned char *, size_t, const char *, size_t, const unsigned char *, size_t, int
) noexcept nogil
cdef long (*DTLSv1_get_timeout)(SSL *, int64_t *, long *) noexcept nogil
cdef long (*DTLSv1_handle_timeout)(SSL *) noexcept nogil
cdef BIO *(*BIO_new)(BIO_METHOD *) noexcept nogil
cdef BIO_METHOD *(*BIO_s_mem)() noexcept nogil
cdef int (*BIO_free)(BIO *) noexcept nogil
cdef int (*BIO_read)(BIO *, void *, int) noexcept nogil
cdef int (*BIO_write)(BIO *, const void *, int) noexcept nogil
cdef long (*BIO_get_mem_data)(BIO *, char **) noexcept nogil
cdef int (*i2d_X509_bio)(BIO *, X509 *) noexcept nogil
cdef void (*X509_free)(X509 *) noexcept nogil
cdef void (*ERR_clear_error)() noexcept nogil

cdef object openssl = None  # cryptography's module
cdef int want_read = 0  # SSL_ERROR_WANT_READ
cdef char message_buffer[MAX_MESSAGE]  # of one that is being read


def load():
    """Imports cryptography, which takes 50 ms; the first context does it when nobody has before. Idempotent.

    Raises:
        ImportError: A version of cryptography that keeps OpenSSL's functions elsewhere, or has others.
    """
    global openssl, want_read
    if openssl is not None:
        return
    _find(<void **>&SSL_new, "SSL_new", "SSL *(*)(SSL_CTX *)")
    _find(<void **>&SSL_free, "SSL_free", "void(*)(SSL *)")
    _find(<void **>&SSL_set_bio, "SSL_set_bio", "void(*)(SSL *, BIO *, BIO *)")
    _find(<void **>&SSL_set_mtu, "SSL_set_mtu", "long(*)(SSL *, long)")
    _find(<void **>&SSL_set_accept_state, "SSL_set_accept_state", "void(*)(SSL *)")
    _find(<void **>&SSL_set_connect_state, "SSL_set_connect_state", "void(*)(SSL *)")
    _find(<void **>&SSL_do_handshake, "SSL_do_handshake", "int(*)(SSL *)")
    _find(<void **>&SSL_read, "SSL_read", "int(*)(SSL *, void *, int)")
    _find(<void **>&SSL_write, "SSL_write", "int(*)(SSL *, void *, int)")
    _find(<void **>&SSL_shutdown, "SSL_shutdown", "int(*)(SSL *)")
    _find(<void **>&SSL_get_error, "SSL_get_error", "int(*)(SSL *, int)")
    _find(<void **>&SSL_get_peer_certificate, "SSL_get_peer_certificate", "X509 *(*)(SSL *)")
    _find(
        <void **>&SSL_get_selected_srtp_profile,
        "SSL_get_selected_srtp_profile",
        "SRTP_PROTECTION_PROFILE *(*)(SSL *)",
    )
    _find(
        <void **>&SSL_export_keying_material,
        "SSL_export_keying_material",
        "int(*)(SSL *, unsigned char *, size_t, char *, size_t, unsigned char *, size_t, int)",
    )
    _find(<void **>&DTLSv1_get_timeout, "Cryptography_DTLSv1_get_timeout", "long(*)(SSL *, int64_t *, long *)")
    _find(<void **>&DTLSv1_handle_timeout, "DTLSv1_handle_timeout", "long(*)(SSL *)")
    _find(<void **>&BIO_new, "BIO_new", "BIO *(*)(BIO_METHOD *)")
    _find(<void **>&BIO_s_mem, "BIO_s_mem", "BIO_METHOD *(*)()")
    _find(<void **>&BIO_free, "BIO_free", "int(*)(BIO *)")
    _find(<void **>&BIO_read, "BIO_read", "int(*)(BIO *, void *, int)")
    _find(<void **>&BIO_write, "BIO_write", "int(*)(BIO *, void *, int)")
    _find(<void **>&BIO_get_mem_data, "BIO_get_mem_data", "long(*)(BIO *, char * *)")
    _find(<void **>&i2d_X509_bio, "i2d_X509_bio", "int(*)(BIO *, X509 *)")
    _find(<void **>&X509_free, "X509_free", "void(*)(X509 *)")
    _find(<void **>&ERR_clear_error, "ERR_clear_error", "void(*)()")
    from cryptography.hazmat.bindings._rust import _openssl

    want_read = _openssl.lib.SSL_ERROR_WANT_READ
    openssl = _openssl


cdef int _find(void **pointer, str name, str expected) except -1:
    """Where a function of OpenSSL is, if its type is the expected one, in cffi's words."""
    import cryptography

    try:
        from cryptography.hazmat.bindings._rust import _openssl

        ffi = _openssl.ffi
        function = ffi.addressof(_openssl.lib, name)
        found = ffi.typeof(function).cname
        pointer[0] = <void *><uintptr_t>int(ffi.cast("uintptr_t", function))
    except (ImportError, AttributeError, TypeError) as error:
        raise ImportError(f"cryptography {cryptography.__version__} has no {name} where it is known to be") from error
    if found != expected:
        raise ImportError(f"{name} of cryptography {cryptography.__version__} is '{found}', expected '{expected}'")
    return 0


cdef int _accept(int is_good, void *store) noexcept nogil:
    """Any certificate will do while the handshake runs: the fingerprint decides afterwards."""
    return 1


cdef class Context:
    """What all connections with one certificate have in common."""

    cdef object _owner  # pyOpenSSL's context
    cdef SSL_CTX *_context  # OpenSSL's

    def __init__(self, context):
        load()
        ffi, lib = openssl.ffi, openssl.lib
        try:
            self._context = <SSL_CTX *><uintptr_t>int(ffi.cast("uintptr_t", context._context))
            callback = ffi.cast("int(*)(int, X509_STORE_CTX *)", <uintptr_t>&_accept)
            lib.SSL_CTX_set_verify(context._context, lib.SSL_VERIFY_PEER | lib.SSL_VERIFY_FAIL_IF_NO_PEER_CERT, callback)
        except (AttributeError, TypeError) as error:
            raise ImportError("pyOpenSSL keeps its context elsewhere") from error
        self._owner = context


cdef class Connection:
    """One DTLS connection, between two memory BIOs.

    Attributes:
        handshake_done: Whether the handshake is over, and the connection in use.
        ended: Whether it is over: the peer's goodbye, a fatal alert, or a handshake that cannot go on.
        has_more: Whether ``go_on`` has something to do.
    """

    cdef SSL *_ssl
    cdef BIO *_incoming  # both go with the former
    cdef BIO *_outgoing
    cdef int _mtu
    cdef readonly bint handshake_done
    cdef readonly bint ended
    cdef bint _came_early  # something else than the handshake, before that was over
    cdef int _reads  # that are worth it, at most
    cdef bytes _datagram  # that came
    cdef Py_ssize_t _at  # in it, where what OpenSSL has not been given begins
    cdef int _parts_left

    def __cinit__(self, Context context not None, *, bint is_server, int mtu):
        self._ssl = SSL_new(context._context)
        if self._ssl == NULL:
            raise MemoryError
        self._incoming = BIO_new(BIO_s_mem())
        self._outgoing = BIO_new(BIO_s_mem())
        if self._incoming == NULL or self._outgoing == NULL:
            if self._incoming != NULL:
                BIO_free(self._incoming)
            if self._outgoing != NULL:
                BIO_free(self._outgoing)
            raise MemoryError
        SSL_set_bio(self._ssl, self._incoming, self._outgoing)
        SSL_set_mtu(self._ssl, mtu)
        self._mtu = mtu
        self._datagram = b""
        if is_server:
            SSL_set_accept_state(self._ssl)
        else:
            SSL_set_connect_state(self._ssl)

    def __dealloc__(self):
        if self._ssl != NULL:
            SSL_free(self._ssl)

    @property
    def has_more(self):
        return not self.ended and (self._reads > 0 or self._at < PyBytes_GET_SIZE(self._datagram))

    def begin(self):
        self._shake_hands()

    def receive(self, bytes datagram not None):
        self._datagram = datagram
        self._at = self._reads = 0
        self._parts_left = MAX_PARTS
        return self.go_on()

    def go_on(self):
        cdef list messages = []
        cdef int records
        self._read(messages)
        while self._at < PyBytes_GET_SIZE(self._datagram) and not self.ended:
            records = self._put_part()
            if self.handshake_done:
                self._reads = records
                self._read(messages)
                continue
            self._shake_hands()
            if self.handshake_done:
                self._reads = ALL if self._came_early else 0
                break
        if self._at >= PyBytes_GET_SIZE(self._datagram):
            self._datagram = b""
            self._at = 0
        return messages

    def send(self, bytes data not None):
        ERR_clear_error()
        if SSL_write(self._ssl, PyBytes_AS_STRING(data), <int>PyBytes_GET_SIZE(data)) <= 0:
            self._end()

    def shut_down(self):
        ERR_clear_error()
        SSL_shutdown(self._ssl)
        ERR_clear_error()  # the handshake may not be far enough for an alert

    def datagrams(self):
        cdef char *data
        cdef long size = BIO_get_mem_data(self._outgoing, &data)
        cdef bytes pending
        cdef list found = []
        if size <= 0:
            return found
        pending = PyBytes_FromStringAndSize(NULL, size)
        BIO_read(self._outgoing, PyBytes_AS_STRING(pending), <int>size)
        if size <= self._mtu:
            found.append(pending)
            return found
        cdef const unsigned char *records = <const unsigned char *>PyBytes_AS_STRING(pending)
        cdef Py_ssize_t first = 0, at = 0, end = 0
        while end < size:
            at, end = end, _record_end(records, end, size)
            if end - first > self._mtu and at > first:
                found.append(pending[first:at])
                first = at
        found.append(pending[first:])
        return found

    def timeout_us(self):
        cdef int64_t seconds = 0
        cdef long microseconds = 0
        if DTLSv1_get_timeout(self._ssl, &seconds, &microseconds) == 0:
            return None
        return seconds * 1000000 + microseconds

    def handle_timeout(self):
        ERR_clear_error()
        if DTLSv1_handle_timeout(self._ssl) < 0:
            self._end()

    def peer_certificate(self):
        cdef X509 *certificate = SSL_get_peer_certificate(self._ssl)
        cdef BIO *bio
        cdef char *data
        cdef long size
        if certificate == NULL:
            return None
        try:
            bio = BIO_new(BIO_s_mem())
            if bio == NULL:
                raise MemoryError
            try:
                if i2d_X509_bio(bio, certificate) != 1:
                    ERR_clear_error()
                    return None
                size = BIO_get_mem_data(bio, &data)
                return PyBytes_FromStringAndSize(data, size)
            finally:
                BIO_free(bio)
        finally:
            X509_free(certificate)

    def srtp_profile(self):
        cdef const char **profile = SSL_get_selected_srtp_profile(self._ssl)
        return None if profile == NULL else (<bytes>profile[0]).decode()

    def export_keying_material(self, bytes label not None, int size):
        cdef bytes material = PyBytes_FromStringAndSize(NULL, size)
        ERR_clear_error()
        if SSL_export_keying_material(
            self._ssl,
            <unsigned char *>PyBytes_AS_STRING(material),
            size,
            PyBytes_AS_STRING(label),
            PyBytes_GET_SIZE(label),
            NULL,
            0,
            0,
        ) != 1:
            self._end()
            return None
        return material

    cdef void _shake_hands(self) noexcept:
        cdef int result
        ERR_clear_error()
        result = SSL_do_handshake(self._ssl)
        if result > 0:
            self.handshake_done = True
        elif SSL_get_error(self._ssl, result) != want_read:
            self._end()

    cdef int _read(self, list messages) except -1:
        """Reads what may have come, and no more.

        To find that there is nothing else OpenSSL allocates a buffer of 16 kB, and keeps it.
        """
        cdef int size
        while self._reads > 0:
            self._reads -= 1
            ERR_clear_error()
            size = SSL_read(self._ssl, message_buffer, MAX_MESSAGE)
            if size > 0:
                messages.append(PyBytes_FromStringAndSize(message_buffer, size))
                continue
            self._reads = 0
            if SSL_get_error(self._ssl, size) != want_read:
                self._end()
        return 0

    cdef int _put_part(self) except -1:
        """Gives OpenSSL the next records of the datagram, those of one epoch; gives how many.

        It copies what is of the next epoch into a buffer of 15 kB, which it keeps until it once has nothing to read.
        Whoever lets epochs change with each record does not get a turn of OpenSSL for each: the last part has all the
        rest.
        """
        cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(self._datagram)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self._datagram), first = self._at, at = first
        cdef int epoch = 0, own, records = 0
        while size - at >= RECORD_HEADER_SIZE:
            own = _read_u16(data + at + EPOCH_AT)
            if records > 0 and own != epoch and self._parts_left > 1:
                self._parts_left -= 1
                break
            epoch = own
            records += 1
            if not self.handshake_done and data[at] != HANDSHAKE and data[at] != CHANGE_CIPHER_SPEC:
                self._came_early = True
            at = _record_end(data, at, size)
        else:
            at = size  # with what is no record
        self._at = at
        if BIO_write(self._incoming, data + first, <int>(at - first)) != at - first:
            raise MemoryError
        return records

    cdef void _end(self) noexcept:
        self.ended = True
        self._reads = 0
        ERR_clear_error()


cdef int _read_u16(const unsigned char *source) noexcept:
    return source[0] << 8 | source[1]


cdef Py_ssize_t _record_end(const unsigned char *data, Py_ssize_t at, Py_ssize_t size) noexcept:
    """Where the record ends that begins there; no further than what there is."""
    if size - at < RECORD_HEADER_SIZE:
        return size
    return min(at + RECORD_HEADER_SIZE + _read_u16(data + at + LENGTH_AT), size)
