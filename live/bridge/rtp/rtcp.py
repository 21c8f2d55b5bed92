"""What of RTCP the bridge says and hears: sender reports, and wishes for key frames (RFC 3550, 4585 and 5104)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from miso.live.errors import ParseError

NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP's seconds begin, to 1970."""
_HEADER = struct.Struct("!BBH")
_SENDER_REPORT, _SOURCE_DESCRIPTION, _PAYLOAD_FEEDBACK = 200, 202, 206
_VERSION = 0x80
_VERSION_MASK = 0xC0
_COUNT_MASK = 0x1F
_SENDER_INFO = struct.Struct("!IQIII")
_FEEDBACK_SSRCS = struct.Struct("!II")
_CNAME = 1
_PICTURE_LOSS, _FULL_INTRA_REQUEST = 1, 4
_FIR_ENTRY_SIZE = 8


class SenderReport(NamedTuple):
    """What a sender says of its clock.

    Attributes:
        ssrc: The stream.
        unix_s: The time, in seconds since 1970.
        timestamp: The RTP timestamp that belongs to it.
        packets: How many were sent, 32 bits.
        size_bytes: Of their payloads, 32 bits.
    """

    ssrc: int
    unix_s: float
    timestamp: int
    packets: int = 0
    size_bytes: int = 0

    def to_bytes(self, cname: str) -> bytes:
        """The report, and the name that all streams of the same source share, as a compound packet (section 6.1)."""
        ntp = round((self.unix_s + NTP_EPOCH_S) * (1 << 32)) & 0xFFFFFFFF_FFFFFFFF
        info = _SENDER_INFO.pack(
            self.ssrc, ntp, self.timestamp & 0xFFFFFFFF, self.packets & 0xFFFFFFFF, self.size_bytes & 0xFFFFFFFF
        )
        name = cname.encode()
        chunk = struct.pack("!IBB", self.ssrc, _CNAME, len(name)) + name
        chunk += bytes(4 - len(chunk) % 4)
        return _packet(_SENDER_REPORT, 0, info) + _packet(_SOURCE_DESCRIPTION, 1, chunk)


class KeyFrameRequest(NamedTuple):
    """Somebody needs a key frame: PLI or FIR.

    Attributes:
        ssrc: Of the stream.
    """

    ssrc: int


def read_rtcp(data: bytes) -> list[SenderReport | KeyFrameRequest]:
    """What a compound packet says that is of use here; the rest is passed over.

    Raises:
        ParseError: A packet in it is cut off, or of another version.
    """
    said: list[SenderReport | KeyFrameRequest] = []
    for kind, count, body in _packets(data):
        if kind == _SENDER_REPORT:
            if len(body) < _SENDER_INFO.size:
                raise ParseError(f"RTCP sender report is cut off: have {len(body)} bytes, need {_SENDER_INFO.size}")
            ssrc, ntp, timestamp, packets, size_bytes = _SENDER_INFO.unpack_from(body)
            said.append(SenderReport(ssrc, ntp / (1 << 32) - NTP_EPOCH_S, timestamp, packets, size_bytes))
        elif kind == _PAYLOAD_FEEDBACK and count in (_PICTURE_LOSS, _FULL_INTRA_REQUEST):
            if len(body) < _FEEDBACK_SSRCS.size:
                raise ParseError(f"RTCP feedback is cut off: have {len(body)} bytes, need {_FEEDBACK_SSRCS.size}")
            if count == _PICTURE_LOSS:
                said.append(KeyFrameRequest(_FEEDBACK_SSRCS.unpack_from(body)[1]))
            else:
                entries = range(_FEEDBACK_SSRCS.size, len(body) - _FIR_ENTRY_SIZE + 1, _FIR_ENTRY_SIZE)
                said += [KeyFrameRequest(int.from_bytes(body[at : at + 4], "big")) for at in entries]
    return said


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, count or format, and body of each packet."""
    position = 0
    while position < len(data):
        if len(data) - position < _HEADER.size:
            raise ParseError(f"RTCP header is cut off: have {len(data) - position} bytes, need {_HEADER.size}")
        first, kind, words = _HEADER.unpack_from(data, position)
        if first & _VERSION_MASK != _VERSION:
            raise ParseError(f"RTCP packet begins with 0x{first:02x}, expected version 2")
        position += _HEADER.size
        if position + 4 * words > len(data):
            raise ParseError(f"RTCP packet is cut off: have {len(data) - position} bytes, need {4 * words}")
        yield kind, first & _COUNT_MASK, data[position : position + 4 * words]
        position += 4 * words


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION | count, kind, len(body) // 4) + body
