# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What all objects of one worker share: the time, what came in and what is to go out, events, counters."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from miso.worker.dataplane.sockets.batch cimport SLOT_STRIDE, Batch
from miso.worker.dataplane.sockets.posix cimport posix_memalign
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    COMPACT_SECOND = 65536  # in 16.16 fixed point


cdef class Plane:
    """What all objects of one worker share, one after the other: one thread runs the plane."""

    def __cinit__(self):
        if posix_memalign(<void **>&self._receive_memory, 64, (RECEIVE_COUNT + 1) * SLOT_STRIDE) != 0:
            raise MemoryError
        memset(self._receive_memory, 0, (RECEIVE_COUNT + 1) * SLOT_STRIDE)
        self.batch = Batch()
        self.events = []
        self.dirty = []
        self.blocked = []
        self.header = RtpHeader()
        self._payloads = [PayloadDescriptor() for _ in range(RECEIVE_COUNT)]

    def __dealloc__(self):
        free(self._receive_memory)

    @property
    def counters(self):
        """Since start: packets received, sent, and each kind of drop."""
        return self.count

    @property
    def packets_forwarded(self):
        """Packets handed to consumers since the start: one that came in counts for each of them."""
        return self.forwarded

    cdef void begin(self, int64_t now_us) noexcept:
        """Every entry from control that may move packets starts here."""
        self.now_us = now_us
        self.abs_send_time = <unsigned int>((<uint64_t>now_us << 18) // 1000000) & 0xFFFFFF
        self.wakeup += 1
        self.control_us = 0

    cdef PayloadDescriptor next_payload(self):
        """A descriptor that stays as it is filled until the batch is forwarded; of ``RECEIVE_COUNT`` one must be left."""
        self.payload_count += 1
        return <PayloadDescriptor>self._payloads[self.payload_count - 1]

    cdef list finish(self):
        """Every such entry ends here; gives the events since the last one."""
        cdef list events = self.events
        self.batch.release()
        self.events = []
        self.settle()
        return events

    cpdef void set_wall_clock(self, int64_t now_us, uint64_t ntp) noexcept:
        """What the wall clock shows; to be called whenever a peer is told of it, which echoes that."""
        self._ntp = ntp
        self._ntp_us = now_us

    cdef double round_trip_ms(self, uint32_t last_report, uint32_t delay) noexcept:
        """Round-trip time by the echo of a report (RFC 3550 section 6.4.1) that comes now; -1.0: nothing is known.

        Args:
            last_report: the middle 32 of the 64 bits of our report's NTP time; 0: the other side has none.
            delay: how long it lay there, in 1/65536 s.
        """
        cdef int64_t elapsed = ((self.now_us - self._ntp_us) * COMPACT_SECOND) // 1000000
        cdef uint32_t compact = <uint32_t>(self._ntp >> 16) + <uint32_t>elapsed
        cdef uint32_t difference = compact - last_report - delay
        if last_report == 0 or self._ntp == 0:
            return -1.0
        if difference >= 0x80000000:  # clocks that differ in rate can make it slightly negative
            return 0.0 if difference >= <uint32_t>-COMPACT_SECOND else -1.0
        return difference * 1000.0 / COMPACT_SECOND

    cdef int settle(self) except -1:
        """Tells the TCP connections that began to hold bytes back: only now nothing is iterated over."""
        while self.blocked:
            connection = self.blocked.pop()
            if connection.on_blocked is not None:
                connection.on_blocked(connection)
        return 0
