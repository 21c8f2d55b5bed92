# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Reads a compound RTCP packet (RFC 3550 section 6.1, RFC 5506) member by member, without an object for any of them.

Each length and count is checked before anything is read; work and memory are bounded, whatever the bytes say.
"""

from __future__ import annotations

from array import array

from miso.worker.rtcp import enums

PROBLEMS = (
    "RTCP packet is empty",
    "RTCP compound has more than {need} packets",
    "RTCP header is cut: have {have} bytes, need {need}",
    "RTCP version is {have}, expected {need}",
    "RTCP packet overruns the data: have {have} bytes, need {need}",
    "RTCP padding is {have}, expected 1 to {need}",
    "RTCP sender report is cut: have {have} bytes, need {need}",
    "RTCP receiver report is cut: have {have} bytes, need {need}",
    "RTCP SDES is cut: have {have} bytes, need {need}",
    "RTCP SDES items have no end: have {have} bytes",
    "RTCP BYE is cut: have {have} bytes, need {need}",
    "RTCP APP packet is cut: have {have} bytes, need {need}",
    "RTCP XR is cut: have {have} bytes, need {need}",
    "RTCP NACK is cut: have {have} bytes, need {need}",
    "RTCP NACK has {have} bytes, expected a multiple of {need}",
    "RTCP PLI is cut: have {have} bytes, need {need}",
    "RTCP FIR is cut: have {have} bytes, need {need}",
    "RTCP FIR has {have} bytes, expected a multiple of {need}",
    "RTCP application feedback is cut: have {have} bytes, need {need}",
    "RTCP REMB is cut: have {have} bytes, need {need}",
    "RTCP REMB bitrate has the exponent {have}, expected less than 2^{need} bit/s",
)

# C numbers in the .pxd
_HEADER_SIZE = 4
_VERSION = 2
_PADDING = 0x20  # bits of the first byte
_COUNT = 0x1F
_SENDER_REPORT = 200  # packet types (https://www.iana.org/assignments/rtp-parameters)
_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_GOODBYE = 203
_APPLICATION_DEFINED = 204
_TRANSPORT_FEEDBACK = 205
_PAYLOAD_FEEDBACK = 206
_EXTENDED_REPORT = 207
_NACK_FORMAT = 1  # of transport feedback (RFC 4585 section 6.2)
_TRANSPORT_WIDE_FORMAT = 15
_PLI_FORMAT = 1  # of payload feedback (RFC 4585 section 6.3, RFC 5104 section 4.3)
_FIR_FORMAT = 4
_APPLICATION_FORMAT = 15
_SSRC_SIZE = 4
_SENDER_SIZE = 24  # bytes of a sender report up to its blocks
_BLOCK_SIZE = 24
_FEEDBACK_HEAD_SIZE = 8  # the sender's SSRC, and the stream's
_NACK_ENTRY_SIZE = 4
_BITMASK_BITS = 16
_FIR_ENTRY_SIZE = 8
_REMB_NAME = 0x52454D42  # "REMB"
_REMB_HEAD_SIZE = 16
_MANTISSA_BITS = 18
_BITRATE_BITS = 63
_REFERENCE_TIME = 4  # block types of extended reports (RFC 3611 sections 4.4 and 4.5)
_DELAYS = 5
_REFERENCE_TIME_SIZE = 8
_DELAY_SIZE = 12


def _read16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _read32(data: bytes, at: int) -> int:
    number = data[at]
    number = number << 8 | data[at + 1]
    number = number << 8 | data[at + 2]
    return number << 8 | data[at + 3]


class CompoundReader:
    """Holds what the member that was found last tells.

    Attributes:
        problem: of a malformed one, which of ``PROBLEMS``; ``have`` and ``need`` belong into its text.
        at: where its body begins, after the four bytes of the header; ``size``: bytes of it, without padding.
        ssrc: who reports (sender, receiver and extended reports), or the stream that is spoken of (NACK, PLI).
        ntp: of a sender report, or of an extended report's reference time; 0: it has none.
        rtp_timestamp: of a sender report.
        count: report blocks, delays, sequence numbers of a NACK, or entries of a FIR.
        bitrate_bps: of a REMB, less than 2^63.
        block_ssrc: of the block or delay that was read last; ``fraction_lost`` (0 to 255), ``total_lost`` (signed 24
            bits), ``last_report`` (LSR or LRR) and ``delay`` (in 1/65536 s) likewise.
    """

    def __init__(self) -> None:
        self.problem = 0
        self.have = 0
        self.need = 0
        self.at = 0
        self.size = 0
        self.ssrc = 0
        self.ntp = 0
        self.rtp_timestamp = 0
        self.count = 0
        self.bitrate_bps = 0
        self.block_ssrc = 0
        self.fraction_lost = 0
        self.total_lost = 0
        self.last_report = 0
        self.delay = 0
        self._offset = 0
        self._members = 0
        self._blocks_at = 0
        self._numbers = array("H", bytes(2 * 1024))  # MAX_NACKED
        self._delays_at = array("H", bytes(2 * 256))  # MAX_DELAYS

    def begin(self) -> None:
        """Another compound packet comes."""
        self._offset = 0
        self._members = 0

    def next(self, data: bytes, size: int) -> int:
        """Finds the next member of the packet, ``size`` bytes of ``data`` (each time the same), and checks it.

        A malformed one does not hide those after it, unless nobody knows where they begin.

        ::

             0                   1                   2                   3
             0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
            +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
            |V=2|P|  count  |  packet type  |  length in 32-bit words - 1   |
            +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

        Returns:
            What it is: ``enums.END`` to ``enums.OTHER``.
        """
        left = size - self._offset
        if left <= 0 and self._members > 0:
            return enums.END
        self._members += 1
        at = self._offset
        self._offset = size  # should this be the last one
        if left <= 0:
            return self._refuse(enums.EMPTY, 0, 0)
        if self._members > enums.MAX_MEMBERS:
            return self._refuse(enums.TOO_MANY, self._members, enums.MAX_MEMBERS)
        if left < _HEADER_SIZE:
            return self._refuse(enums.HEADER_CUT, left, _HEADER_SIZE)
        if data[at] >> 6 != _VERSION:
            return self._refuse(enums.WRONG_VERSION, data[at] >> 6, _VERSION)
        length = _HEADER_SIZE + 4 * _read16(data, at + 2)
        if length > left:
            return self._refuse(enums.OVERRUN, left, length)
        self._offset = at + length
        self.at = at + _HEADER_SIZE
        self.size = length - _HEADER_SIZE
        if data[at] & _PADDING:
            padding = data[at + length - 1]
            if padding == 0 or padding > self.size:
                return self._refuse(enums.WRONG_PADDING, padding, self.size)
            self.size -= padding
        return self._read(data, data[at + 1], data[at] & _COUNT)

    def explain(self) -> str:
        """What is wrong with a malformed member."""
        return PROBLEMS[self.problem].format(have=self.have, need=self.need)

    def number(self, index: int) -> int:
        """A sequence number of a NACK, 0 to 65535; ``index`` is less than ``count``."""
        return self._numbers[index]

    def read_block(self, data: bytes, index: int) -> None:
        """Reads a report block; ``index`` is less than ``count``.

        ::

            |                             SSRC                              |
            | fraction lost |       cumulative number of packets lost       |
            |           extended highest sequence number received           |
            |                      interarrival jitter                      |
            |                         last SR (LSR)                         |
            |                   delay since last SR (DLSR)                  |
        """
        at = self._blocks_at + index * _BLOCK_SIZE
        self.block_ssrc = _read32(data, at)
        self.fraction_lost = data[at + 4]
        lost = _read32(data, at + 4) & 0xFFFFFF
        self.total_lost = lost - 0x1000000 if lost >= 0x800000 else lost
        self.last_report = _read32(data, at + 16)
        self.delay = _read32(data, at + 20)

    def read_delay(self, data: bytes, index: int) -> None:
        """Reads the echo of a reference time (RFC 3611 section 4.5); ``index`` is less than ``count``."""
        at = self._delays_at[index]
        self.block_ssrc = _read32(data, at)
        self.last_report = _read32(data, at + 4)
        self.delay = _read32(data, at + 8)

    def fir_ssrc(self, data: bytes, index: int) -> int:
        """The stream that an entry of a FIR asks for; ``index`` is less than ``count``."""
        return _read32(data, self.at + _FEEDBACK_HEAD_SIZE + index * _FIR_ENTRY_SIZE)

    # ------------------------------------------------------------ members

    def _refuse(self, problem: int, have: int, need: int) -> int:
        self.problem = problem
        self.have = have
        self.need = need
        return enums.MALFORMED

    def _read(self, data: bytes, packet_type: int, count: int) -> int:
        if packet_type == _SENDER_REPORT:
            return self._read_sender_report(data, count)
        if packet_type == _RECEIVER_REPORT:
            return self._read_receiver_report(data, count)
        if packet_type == _TRANSPORT_FEEDBACK:
            return self._read_transport_feedback(data, count)
        if packet_type == _PAYLOAD_FEEDBACK:
            return self._read_payload_feedback(data, count)
        if packet_type == _EXTENDED_REPORT:
            return self._read_extended_report(data)
        if packet_type == _SOURCE_DESCRIPTION:
            return self._check_source_description(data, count)
        if packet_type == _GOODBYE:
            return self._check_goodbye(data, count)
        if packet_type == _APPLICATION_DEFINED and self.size < 2 * _SSRC_SIZE:
            return self._refuse(enums.APPLICATION_CUT, self.size, 2 * _SSRC_SIZE)
        return enums.OTHER

    def _read_sender_report(self, data: bytes, count: int) -> int:
        need = _SENDER_SIZE + count * _BLOCK_SIZE
        if self.size < need:
            return self._refuse(enums.SENDER_REPORT_CUT, self.size, need)
        self.ssrc = _read32(data, self.at)
        self.ntp = _read32(data, self.at + 4)
        self.ntp = self.ntp << 32 | _read32(data, self.at + 8)
        self.rtp_timestamp = _read32(data, self.at + 12)
        self.count = count
        self._blocks_at = self.at + _SENDER_SIZE
        return enums.SENDER_REPORT

    def _read_receiver_report(self, data: bytes, count: int) -> int:
        need = _SSRC_SIZE + count * _BLOCK_SIZE
        if self.size < need:
            return self._refuse(enums.RECEIVER_REPORT_CUT, self.size, need)
        self.ssrc = _read32(data, self.at)
        self.count = count
        self._blocks_at = self.at + _SSRC_SIZE
        return enums.RECEIVER_REPORT

    def _read_extended_report(self, data: bytes) -> int:
        # |     BT        | type-specific |   block length in 32-bit words    | contents …
        if self.size < _SSRC_SIZE:
            return self._refuse(enums.EXTENDED_REPORT_CUT, self.size, _SSRC_SIZE)
        self.ssrc = _read32(data, self.at)
        self.ntp = 0
        self.count = 0
        offset = _SSRC_SIZE
        while offset < self.size:
            begin = offset + _HEADER_SIZE
            if self.size < begin:
                return self._refuse(enums.EXTENDED_REPORT_CUT, self.size, begin)
            kind = data[self.at + offset]
            offset = begin + 4 * _read16(data, self.at + begin - 2)
            if self.size < offset:
                return self._refuse(enums.EXTENDED_REPORT_CUT, self.size, offset)
            if kind == _REFERENCE_TIME:
                if offset - begin < _REFERENCE_TIME_SIZE:
                    return self._refuse(enums.EXTENDED_REPORT_CUT, offset - begin, _REFERENCE_TIME_SIZE)
                self.ntp = _read32(data, self.at + begin)
                self.ntp = self.ntp << 32 | _read32(data, self.at + begin + 4)
            elif kind == _DELAYS:
                while begin + _DELAY_SIZE <= offset and self.count < enums.MAX_DELAYS:
                    self._delays_at[self.count] = self.at + begin
                    self.count += 1
                    begin += _DELAY_SIZE
        return enums.EXTENDED_REPORT

    def _read_transport_feedback(self, data: bytes, form: int) -> int:
        if form == _TRANSPORT_WIDE_FORMAT:
            return enums.TRANSPORT_WIDE  # which ``arrivals.py`` checks
        if form != _NACK_FORMAT:
            return enums.OTHER
        if self.size < _FEEDBACK_HEAD_SIZE + _NACK_ENTRY_SIZE:
            return self._refuse(enums.NACK_CUT, self.size, _FEEDBACK_HEAD_SIZE + _NACK_ENTRY_SIZE)
        if self.size % _NACK_ENTRY_SIZE != 0:
            return self._refuse(enums.NACK_ODD, self.size, _NACK_ENTRY_SIZE)
        self.ssrc = _read32(data, self.at + _SSRC_SIZE)
        self.count = 0
        offset = _FEEDBACK_HEAD_SIZE
        while offset < self.size and self.count < enums.MAX_NACKED:
            # |              PID              |             BLP               |
            self._add_number(_read16(data, self.at + offset), 1 | _read16(data, self.at + offset + 2) << 1)
            offset += _NACK_ENTRY_SIZE
        return enums.NACK

    def _add_number(self, packet_id: int, wanted: int) -> None:
        for step in range(_BITMASK_BITS + 1):
            if wanted >> step & 1 and self.count < enums.MAX_NACKED:
                self._numbers[self.count] = (packet_id + step) & 0xFFFF
                self.count += 1

    def _read_payload_feedback(self, data: bytes, form: int) -> int:
        if form == _PLI_FORMAT:
            if self.size < _FEEDBACK_HEAD_SIZE:
                return self._refuse(enums.PLI_CUT, self.size, _FEEDBACK_HEAD_SIZE)
            self.ssrc = _read32(data, self.at + _SSRC_SIZE)
            return enums.PLI
        if form == _FIR_FORMAT:
            if self.size < _FEEDBACK_HEAD_SIZE + _FIR_ENTRY_SIZE:
                return self._refuse(enums.FIR_CUT, self.size, _FEEDBACK_HEAD_SIZE + _FIR_ENTRY_SIZE)
            if self.size % _FIR_ENTRY_SIZE != 0:
                return self._refuse(enums.FIR_ODD, self.size, _FIR_ENTRY_SIZE)
            self.count = (self.size - _FEEDBACK_HEAD_SIZE) // _FIR_ENTRY_SIZE
            if self.count > enums.MAX_FIR_ENTRIES:
                self.count = enums.MAX_FIR_ENTRIES
            return enums.FIR
        return self._read_remb(data) if form == _APPLICATION_FORMAT else enums.OTHER

    def _read_remb(self, data: bytes) -> int:
        # |  'R' 'E' 'M' 'B'  | num SSRC (8) | exponent (6) | mantissa (18) | SSRCs …
        if self.size < _FEEDBACK_HEAD_SIZE:
            return self._refuse(enums.APPLICATION_FEEDBACK_CUT, self.size, _FEEDBACK_HEAD_SIZE)
        at = self.at + _FEEDBACK_HEAD_SIZE
        if self.size < _FEEDBACK_HEAD_SIZE + 4 or _read32(data, at) != _REMB_NAME:
            return enums.OTHER
        if self.size < _REMB_HEAD_SIZE:
            return self._refuse(enums.REMB_CUT, self.size, _REMB_HEAD_SIZE)
        need = _REMB_HEAD_SIZE + _SSRC_SIZE * data[at + 4]
        if self.size < need:
            return self._refuse(enums.REMB_CUT, self.size, need)
        exponent = data[at + 5] >> 2
        mantissa = _read32(data, at + 4) & ((1 << _MANTISSA_BITS) - 1)
        if mantissa >> (_BITRATE_BITS - exponent) != 0:
            return self._refuse(enums.REMB_TOO_HIGH, exponent, _BITRATE_BITS)
        self.bitrate_bps = mantissa << exponent
        return enums.REMB

    def _check_source_description(self, data: bytes, count: int) -> int:
        offset = 0
        for _ in range(count):
            offset += _SSRC_SIZE
            if self.size < offset:
                return self._refuse(enums.SDES_CUT, self.size, offset)
            while offset < self.size and data[self.at + offset] != 0:
                need = offset + 2
                if self.size >= need:
                    need += data[self.at + offset + 1]
                if self.size < need:
                    return self._refuse(enums.SDES_CUT, self.size, need)
                offset = need
            if offset >= self.size:
                return self._refuse(enums.SDES_ENDLESS, self.size, 0)
            offset = (offset + 4) & ~3
        return enums.OTHER

    def _check_goodbye(self, data: bytes, count: int) -> int:
        need = _SSRC_SIZE * count
        if self.size > need:
            need += 1 + data[self.at + need]
        if self.size < need:
            return self._refuse(enums.GOODBYE_CUT, self.size, need)
        return enums.OTHER
