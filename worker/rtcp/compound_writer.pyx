# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A compound RTCP packet of reports in the making: what still fits, and what it becomes.

https://www.rfc-editor.org/rfc/rfc3550.html#section-6.1, https://www.rfc-editor.org/rfc/rfc3611.html (extended reports)

::

    SR, SR, …   one for each stream that is sent, without blocks
    RR          of SSRC 0: the blocks of all streams that are received
    SDES        the CNAME of each stream that is sent
    XR          our reference time, beside blocks; the echo of the receiver's, for each stream that is sent
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from miso.worker.rtp.big_endian cimport write_u16, write_u32

cdef enum:
    VERSION = 0x80
    SENDER_REPORT = 200  # packet types
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    EXTENDED_REPORT = 207
    CNAME = 1  # item type
    REFERENCE_TIME = 4  # types of extended reports' blocks
    DELAYS = 5
    HEADER_SIZE = 4  # bytes, likewise below
    SENDER_REPORT_SIZE = 28
    RECEIVER_REPORT_SIZE = 8
    BLOCK_SIZE = 24
    CHUNK_OVERHEAD = 12  # of an SDES chunk besides the CNAME, at most
    # parts of an extended report with its header, as if each had one of its own
    REFERENCE_TIME_SIZE = 20
    DELAY_SIZE = 24
    DELAY_ENTRY_SIZE = 12


cdef inline void write_header(unsigned char *target, int count, int kind, int size) noexcept:
    """RFC 3550 section 6.4.1: version and count, packet type, length in 32-bit words less one."""
    target[0] = VERSION | count
    target[1] = kind
    write_u16(target + 2, size // 4 - 1)


cdef inline void write_u64(unsigned char *target, uint64_t value) noexcept:
    write_u32(target, <uint32_t>(value >> 32))
    write_u32(target + 4, <uint32_t>value)


cdef class CompoundWriter:
    """A compound packet in the making, within the size limit; empty again once it is written."""

    def __cinit__(self):
        self._kept = []

    cdef bint add_sender(self, const SenderEntry *entry) noexcept:
        """False when it does not fit any more; it always does when nothing was added yet."""
        cdef int size = SENDER_REPORT_SIZE + entry.cname_size + CHUNK_OVERHEAD + (DELAY_SIZE if entry.has_delay else 0)
        if self._size > 0 and (self._size + size > MAX_COMPOUND or self._sender_count >= MAX_REPORTS):
            return False
        self._size += size
        self._senders[self._sender_count] = entry[0]
        self._sender_count += 1
        self._delay_count += entry.has_delay
        return True

    cdef bint add_blocks(self, const BlockEntry *blocks, int count, uint64_t reference_ntp) noexcept:
        """Adds up to ``MAX_REPORTS`` blocks, or none: False when they do not fit any more."""
        cdef int size = RECEIVER_REPORT_SIZE + BLOCK_SIZE * count + REFERENCE_TIME_SIZE
        if self._size > 0 and (self._size + size > MAX_COMPOUND or self._block_count + count > MAX_REPORTS):
            return False
        self._size += size
        memcpy(self._blocks + self._block_count, blocks, count * sizeof(BlockEntry))
        self._block_count += count
        self._reference_ntp = reference_ntp
        return True

    cdef int write(self, unsigned char *target) noexcept:
        """Writes at most ``MAX_COMPOUND`` bytes and begins anew; gives how many, 0 when there is nothing to report."""
        cdef unsigned char *at = target
        cdef int index
        for index in range(self._sender_count):
            at = self._write_sender(at, &self._senders[index])
        if self._block_count > 0:
            at = self._write_blocks(at)
        if self._sender_count > 0:
            at = self._write_names(at)
        if self._delay_count > 0 or self._block_count > 0:
            at = self._write_extended(at)
        self._sender_count = self._block_count = self._delay_count = self._size = 0
        return <int>(at - target)

    cdef unsigned char *_write_sender(self, unsigned char *at, const SenderEntry *entry) noexcept:
        write_header(at, 0, SENDER_REPORT, SENDER_REPORT_SIZE)
        write_u32(at + 4, entry.ssrc)
        write_u64(at + 8, entry.ntp)
        write_u32(at + 16, entry.rtp_timestamp)
        write_u32(at + 20, entry.packet_count)
        write_u32(at + 24, entry.octet_count)
        return at + SENDER_REPORT_SIZE

    cdef unsigned char *_write_blocks(self, unsigned char *at) noexcept:
        cdef const BlockEntry *block
        cdef int index
        write_header(at, self._block_count, RECEIVER_REPORT, RECEIVER_REPORT_SIZE + BLOCK_SIZE * self._block_count)
        write_u32(at + 4, 0)
        at += RECEIVER_REPORT_SIZE
        for index in range(self._block_count):
            block = &self._blocks[index]
            write_u32(at, block.ssrc)
            write_u32(at + 4, block.fraction_lost << 24 | (<uint32_t>block.total_lost & 0xFFFFFF))
            write_u32(at + 8, block.highest_sequence)
            write_u32(at + 12, block.jitter)
            write_u32(at + 16, block.last_sr)
            write_u32(at + 20, block.delay_since_last_sr)
            at += BLOCK_SIZE
        return at

    cdef unsigned char *_write_names(self, unsigned char *begin) noexcept:
        """RFC 3550 section 6.5."""
        cdef unsigned char *at = begin + HEADER_SIZE
        cdef const SenderEntry *entry
        cdef int index, padding
        for index in range(self._sender_count):
            entry = &self._senders[index]
            write_u32(at, entry.ssrc)
            at[4] = CNAME
            at[5] = entry.cname_size
            memcpy(at + 6, entry.cname, entry.cname_size)
            at += 6 + entry.cname_size
            padding = 4 - (at - begin) % 4  # at least one zero ends the items
            memset(at, 0, padding)
            at += padding
        write_header(begin, self._sender_count, SOURCE_DESCRIPTION, <int>(at - begin))
        return at

    cdef unsigned char *_write_extended(self, unsigned char *begin) noexcept:
        """RFC 3611 sections 4.4 and 4.5: our reference time, and the echo of the receiver's."""
        cdef unsigned char *at = begin + 8
        cdef const SenderEntry *entry
        cdef int index
        write_u32(begin + 4, self._senders[0].ssrc if self._sender_count > 0 else 0)
        if self._block_count > 0:
            at[0] = REFERENCE_TIME
            at[1] = 0
            write_u16(at + 2, 2)  # words that follow
            write_u64(at + 4, self._reference_ntp)
            at += 12
        if self._delay_count > 0:
            at[0] = DELAYS
            at[1] = 0
            write_u16(at + 2, 3 * self._delay_count)
            at += 4
            for index in range(self._sender_count):
                entry = &self._senders[index]
                if entry.has_delay:
                    write_u32(at, entry.ssrc)
                    write_u32(at + 4, entry.last_rr)
                    write_u32(at + 8, entry.delay)
                    at += DELAY_ENTRY_SIZE
        write_header(begin, 0, EXTENDED_REPORT, <int>(at - begin))
        return at

    # ------------------------------------------------------------ for who has no C structures

    def put_sender(
        self,
        uint32_t ssrc,
        uint64_t ntp,
        uint32_t rtp_timestamp,
        uint32_t packet_count,
        uint32_t octet_count,
        bytes cname not None,
        last_rr,
        uint32_t delay,
    ):
        """As ``add_sender``; ``last_rr`` is None without an echo. Raises ValueError for more than 255 bytes of CNAME."""
        cdef SenderEntry entry
        if len(cname) > MAX_CNAME:
            raise ValueError(f"CNAME has {len(cname)} bytes, at most {MAX_CNAME} are allowed")
        self._kept.append(cname)
        entry.ssrc, entry.ntp, entry.rtp_timestamp = ssrc, ntp, rtp_timestamp
        entry.packet_count, entry.octet_count = packet_count, octet_count
        entry.cname, entry.cname_size = cname, len(cname)
        entry.has_delay = last_rr is not None
        entry.last_rr = last_rr if entry.has_delay else 0
        entry.delay = delay
        return self.add_sender(&entry)

    def put_blocks(self, blocks, uint64_t reference_ntp):
        """As ``add_blocks``, of tuples in the order of a block's fields. Raises ValueError for more than 31."""
        cdef BlockEntry entries[MAX_REPORTS]
        cdef int count = 0
        if len(blocks) > MAX_REPORTS:
            raise ValueError(f"{len(blocks)} report blocks, at most {MAX_REPORTS} fit in a report")
        for block in blocks:
            entries[count].ssrc, entries[count].fraction_lost, entries[count].total_lost = block[:3]
            entries[count].highest_sequence, entries[count].jitter = block[3:5]
            entries[count].last_sr, entries[count].delay_since_last_sr = block[5:]
            count += 1
        return self.add_blocks(entries, count, reference_ntp)

    def take(self):
        """The packet, empty when there is nothing to report; what follows begins anew."""
        cdef unsigned char room[MAX_COMPOUND]
        cdef int size = self.write(room)
        self._kept.clear()
        return room[:size]
