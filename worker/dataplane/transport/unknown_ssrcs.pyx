# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Packets that no stream of a transport has claimed: control is asked for their producer, but not for each of them.

A packet says by its payload type, MID, RID and repaired RID whose it is; one that says something new of an SSRC is
reported, whatever became of those before it. What led to nothing is paid for with time, so that a peer cannot keep
control busy.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memcmp

from miso.worker.dataplane.plane cimport Plane
from miso.worker.rtp.big_endian cimport read_u32
from miso.worker.rtp.enums cimport FIXED_HEADER_SIZE, IS_VALID, SSRC_AT
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.ssrc_table cimport SsrcTable

from miso.worker.dataplane.events import UnknownSsrc

cdef enum:
    MAX_JUDGED = 1024  # SSRCs that are remembered; then all are forgotten
    MAX_HELD = 64  # packets of a wake-up, beyond the first of each SSRC, that wait for control
    IGNORED = 1  # a bit that no mark has
    PRICE_US = 10000  # of a report that led to nothing, or took an SSRC from its producer: 100 a second
    CREDIT_US = 1280000  # so many at once: 128


# The hash FNV-1a, of 64 bits.
cdef unsigned long long FNV_BASIS = 0xCBF29CE484222325
cdef unsigned long long FNV_PRIME = 0x100000001B3


cdef class UnknownSsrcs:
    """Packets whose producer control must find: reported as UnknownSsrc, none twice that says the same."""

    def __init__(self, Plane plane not None):
        self._plane = plane
        self._judged = SsrcTable()

    cdef bint ignores(self, RtpHeader header, const unsigned char *data, int size) noexcept:
        """Whether a packet, maybe still encrypted, says no more than one that was ignored (what it says is in clear)."""
        cdef size_t judged
        if self._judged.used == 0 or size < FIXED_HEADER_SIZE:
            return False
        judged = <size_t>self._judged.get(read_u32(data + SSRC_AT))
        if judged & IGNORED == 0 or header.parse(data, size) != IS_VALID:
            return False
        return judged == self._mark(header, data) | IGNORED

    cdef bint names_other_mid(self, RtpHeader header, const unsigned char *data, bytes mid) noexcept:
        """Whether the packet carries a MID, and not this one; None: any may be."""
        cdef int found, size
        if self.mid_id == 0 or mid is None:
            return False
        found = header.find_extension(self.mid_id)
        if found < 0:
            return False
        size = header.element_sizes[found]
        while size > 0 and data[header.element_offsets[found] + size - 1] == 0:
            size -= 1
        if size == 0:
            return False
        return size != len(mid) or memcmp(data + header.element_offsets[found], <const unsigned char *>mid, size) != 0

    cdef int _find(self, uint32_t ssrc) noexcept:
        cdef int index
        for index in range(self._count):
            if self._ssrcs[index] == ssrc:
                return index
        return -1

    cdef bint report(
        self, object transport, RtpHeader header, const unsigned char *data, int size, bint has_stream
    ) noexcept:
        """Tells control of the packet; False when it is left out: it says nothing new, or others did too much of that.

        Args:
            transport: whose packet it is.
            header: of the packet.
            data: the packet, decrypted.
            size: its length in bytes.
            has_stream: the SSRC is one of a stream, whose producer is to be another.
        """
        cdef uint32_t ssrc = header.ssrc
        cdef size_t mark = self._mark(header, data)
        cdef int index
        if self._wakeup != self._plane.wakeup:
            self._wakeup = self._plane.wakeup
            self._count = 0
            self._held = 0
        index = self._find(ssrc)
        if index >= 0:
            if self._held < MAX_HELD:
                self._held += 1
                (<object>self._plane.events[self._events[index]]).later.append(data[:size])
            return True
        if <size_t>self._judged.get(ssrc) == mark | IGNORED:
            return False
        if self._count == MAX_REPORTED or self._paid_until_us - self._plane.now_us > CREDIT_US:
            return False
        if has_stream:
            self._pay()
        if self._judged.used >= MAX_JUDGED:
            self._judged.clear()
        self._judged.put(ssrc, <void *>mark)
        self._plane.events.append(
            UnknownSsrc(
                transport,
                ssrc,
                header.payload_type,
                self.text(header, data, self.mid_id),
                self.text(header, data, self.rid_id),
                self.text(header, data, self.repaired_rid_id),
                data[:size],
            )
        )
        self._ssrcs[self._count] = ssrc  # now that there is an event to find
        self._events[self._count] = len(self._plane.events) - 1
        self._count += 1
        return True

    cdef void ignore(self, uint32_t ssrc) noexcept:
        """What was reported last of the SSRC led to nothing."""
        cdef size_t judged = <size_t>self._judged.get(ssrc)
        self._pay()
        if judged != 0:
            self._judged.put(ssrc, <void *>(judged | IGNORED))

    cdef void reconsider(self) noexcept:
        """Streams or producers are others now: what was ignored may be wanted."""
        self._judged.clear()

    cdef void begin_anew(self) noexcept:
        """Control has made something new: likewise, and what came too early is paid for."""
        self._judged.clear()
        self._paid_until_us = 0

    cdef void _pay(self) noexcept:
        self._paid_until_us = max(self._paid_until_us, self._plane.now_us) + PRICE_US

    cdef size_t _mark(self, RtpHeader header, const unsigned char *data) noexcept:
        """A number for what the packet says of itself; never 0, and without IGNORED."""
        cdef unsigned long long mark = FNV_BASIS ^ <unsigned int>header.payload_type
        cdef int element, at
        for element in range(header.element_count):
            if header.element_ids[element] in (self.mid_id, self.rid_id, self.repaired_rid_id):
                mark = (mark ^ header.element_ids[element]) * FNV_PRIME
                for at in range(header.element_sizes[element]):
                    mark = (mark ^ data[header.element_offsets[element] + at]) * FNV_PRIME
        mark *= FNV_PRIME
        return <size_t>(mark << 2 | 2)

    cdef object text(self, RtpHeader header, const unsigned char *data, int extension_id):
        """The text of an element, "" when there is none."""
        cdef int index, offset, size
        if extension_id == 0:
            return ""
        index = header.find_extension(extension_id)
        if index < 0:
            return ""
        offset = header.element_offsets[index]
        size = header.element_sizes[index]
        return data[offset : offset + size].rstrip(b"\0").decode("utf-8", "replace")

    cdef dict describe(self, RtpHeader header, const unsigned char *data):
        """What a trace event says of the extensions that tell whose a packet is."""
        info = {}
        for name, extension_id in (("mid", self.mid_id), ("rid", self.rid_id), ("rrid", self.repaired_rid_id)):
            text = self.text(header, data, extension_id)
            if text:
                info[name] = text
        return info
