"""H.264 pictures out of RTP payloads: single units, STAP-A and FU-A (RFC 6184, packetization mode 1)."""

from __future__ import annotations

from typing import ClassVar

from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.bridge.rtp.h264_slice import NalType
from miso.live.errors import ParseError

_STAP_A = 24
_FU_A = 28
_LAST_SINGLE = 23
_FU_START = 0x80
_FU_END = 0x40
_FU_HEADER_SIZE = 2
_TYPE_MASK = 0x1F
_NRI_MASK = 0xE0


class H264Depacketizer(Depacketizer):
    """One stream's payloads, in order; units are NAL units."""

    name: ClassVar[str] = "H.264"

    def _begins_picture(self, payload: bytes) -> bool:
        """Only parameter sets and a delimiter stand before a first slice."""
        kind = payload[0] & _TYPE_MASK
        first = payload[3] & _TYPE_MASK if kind == _STAP_A and len(payload) > 3 else kind
        return first in (NalType.SPS, NalType.ACCESS_UNIT_DELIMITER)

    def _take(self, payload: bytes) -> None:
        kind = payload[0] & _TYPE_MASK
        if kind == _FU_A:
            self._take_fragment(payload)
        elif self._fragment is not None:
            self._fragment = None
            raise ParseError(f"H.264 payload of type {kind} comes in the midst of fragments")
        elif kind == _STAP_A:
            self._units += _split_stap(payload)
        elif 0 < kind <= _LAST_SINGLE:
            self._units.append(payload)
        else:
            raise ParseError(f"H.264 payload is of type {kind}, expected 1 to {_LAST_SINGLE}, {_STAP_A} or {_FU_A}")

    def _take_fragment(self, payload: bytes) -> None:
        if len(payload) <= _FU_HEADER_SIZE:
            raise ParseError(f"FU-A has {len(payload)} bytes, expected more than {_FU_HEADER_SIZE}")
        header = payload[1]
        if header & _FU_START:
            if self._fragment is not None:
                self._fragment = None
                raise ParseError("FU-A begins before the one before it has ended")
            self._fragment = bytearray((payload[0] & _NRI_MASK | header & _TYPE_MASK,))
        elif self._fragment is None:
            raise ParseError("FU-A goes on that has not begun")
        self._fragment += payload[_FU_HEADER_SIZE:]
        if header & _FU_END:
            self._units.append(bytes(self._fragment))
            self._fragment = None


def _split_stap(payload: bytes) -> list[bytes]:
    units = []
    position = 1
    while position < len(payload):
        size = int.from_bytes(payload[position : position + 2], "big")
        position += 2
        if not size or position + size > len(payload):
            raise ParseError(f"STAP-A has a unit of {size} bytes, expected 1 to {max(0, len(payload) - position)}")
        units.append(payload[position : position + size])
        position += size
    if not units:
        raise ParseError("STAP-A has no unit")
    return units
