"""RTP packets: reading and writing them (RFC 3550, section 5.1), and numbers that wrap."""

from __future__ import annotations

import struct
from typing import NamedTuple

from miso.live.errors import ParseError

_FIXED = struct.Struct("!BBHII")
_VERSION = 0x80
_VERSION_MASK = 0xC0
_PADDING = 0x20
_EXTENSION = 0x10
_CSRC_MASK = 0x0F
_MARKER = 0x80
_TYPE_MASK = 0x7F
_EXTENSION_HEADER_SIZE = 4
# RTCP on the same port (RFC 5761, section 4): its types lie where RTP's second byte never is.
_FIRST_RTCP_TYPE, _LAST_RTCP_TYPE = 192, 223


class RtpPacket(NamedTuple):
    """One packet.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |V=2|P|X|  CC   |M|     PT      |       sequence number         |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                           timestamp                           |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                             SSRC                              |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Attributes:
        payload_type: What the payload is, 0 to 127.
        sequence_number: 16 bits.
        timestamp: 32 bits, in units of the codec's clock.
        ssrc: The stream.
        payload: Without padding; empty of a packet that is only padding.
        marker: Of video, the last packet of a picture.
    """

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def to_bytes(self) -> bytes:
        """The packet, without extensions and padding."""
        second = self.payload_type | (_MARKER if self.marker else 0)
        return _FIXED.pack(_VERSION, second, self.sequence_number, self.timestamp, self.ssrc) + self.payload


def read_rtp(data: bytes) -> RtpPacket:
    """Raises ParseError if it is cut off, of another version, or padded with more than there is."""
    if len(data) < _FIXED.size:
        raise ParseError(f"RTP packet is cut off: have {len(data)} bytes, need {_FIXED.size}")
    first, second, sequence_number, timestamp, ssrc = _FIXED.unpack_from(data)
    if first & _VERSION_MASK != _VERSION:
        raise ParseError(f"RTP packet begins with 0x{first:02x}, expected version 2")
    start, end = _FIXED.size + 4 * (first & _CSRC_MASK), len(data)
    if first & _EXTENSION:
        if start + _EXTENSION_HEADER_SIZE > end:
            raise ParseError(f"RTP extension is cut off: have {end - start} bytes, need {_EXTENSION_HEADER_SIZE}")
        start += _EXTENSION_HEADER_SIZE + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & _PADDING:
        padding = data[-1]
        if not padding or start + padding > end:
            raise ParseError(f"RTP packet has {padding} bytes of padding, expected 1 to {max(0, end - start)}")
        end -= padding
    if start > end:
        raise ParseError(f"RTP header is cut off: have {end} bytes, need {start}")
    return RtpPacket(
        second & _TYPE_MASK, sequence_number, timestamp, ssrc, data[start:end], marker=bool(second & _MARKER)
    )


def is_rtcp(data: bytes) -> bool:
    """Whether what came on a port for both is RTCP."""
    return len(data) > 1 and _FIRST_RTCP_TYPE <= data[1] <= _LAST_RTCP_TYPE


def unwrapped(number: int, near: int, bits: int) -> int:
    """The number, of which only the low bits are known, that lies nearest to another one.

    Args:
        number: The low bits.
        near: A full number.
        bits: How many are known.
    """
    period = 1 << bits
    difference = (number - near) % period
    return near + difference - (period if difference >= period // 2 else 0)
