"""H.264 pictures out of RTP payloads: single units, STAP-A and FU-A (RFC 6184, packetization mode 1)."""

from __future__ import annotations

from typing import Final, NamedTuple

from miso.live.bridge.rtp.h264_slice import NalType, nal_type
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.errors import ParseError

MAX_PICTURE_BYTES: Final = 4_000_000
"""Of one picture; a longer one is dropped."""
_STAP_A = 24
_FU_A = 28
_LAST_SINGLE = 23
_FU_START = 0x80
_FU_END = 0x40
_FU_HEADER_SIZE = 2
_TYPE_MASK = 0x1F
_NRI_MASK = 0xE0


class AccessUnit(NamedTuple):
    """One whole picture.

    Attributes:
        timestamp: RTP's, 32 bits, 90 kHz.
        units: Its NAL units, parameter sets among them.
    """

    timestamp: int
    units: tuple[bytes, ...]

    @property
    def is_idr(self) -> bool:
        """Whether nothing before it is needed."""
        return any(nal_type(unit) == NalType.IDR for unit in self.units)


class H264Depacketizer:
    """One stream's payloads, in order.

    Attributes:
        broken: Pictures of which something was lost, or that made no sense.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._timestamp: int | None = None
        self._units: list[bytes] = []
        self._fragment: bytearray | None = None
        self._size = 0
        self._is_whole = True

    def put(self, packet: RtpPacket, is_after_gap: bool) -> list[AccessUnit]:
        """Takes the next packet.

        Args:
            packet: The packet; one without a payload says nothing.
            is_after_gap: Something before it is lost: the picture it was of, and this packet's if it is in its midst.

        Returns:
            The pictures that are whole now: at most the one before it and its own.

        Raises:
            ParseError: The payload makes no sense; its picture is dropped.
        """
        if not packet.payload:
            self._is_whole = self._is_whole and not is_after_gap
            return []
        ready = []
        if packet.timestamp != self._timestamp:
            # Without a marker, the next picture's first packet ends the one before; with a gap between, nobody knows
            # whether it was whole, or whether the next one is.
            self._is_whole = self._is_whole and not is_after_gap
            ready = self._finish()
            self._timestamp = packet.timestamp
            self._is_whole = not is_after_gap or _begins_picture(packet.payload)
        elif is_after_gap:
            self._is_whole = False
        try:
            if self._is_whole:
                self._take(packet.payload)
        except ParseError:
            self._is_whole = False
            raise
        finally:
            if packet.marker:
                ready += self._finish()
                self._timestamp = None
        return ready

    def _finish(self) -> list[AccessUnit]:
        units, is_whole = self._units, self._is_whole and self._fragment is None
        has_something = bool(units) or self._fragment is not None or not self._is_whole
        timestamp = self._timestamp
        self._units, self._fragment, self._size, self._is_whole = [], None, 0, True
        if timestamp is None or not has_something:
            return []
        if not is_whole:
            self.broken += 1
            return []
        return [AccessUnit(timestamp, tuple(units))]

    def _take(self, payload: bytes) -> None:
        self._size += len(payload)
        if self._size > MAX_PICTURE_BYTES:
            self._units, self._fragment, self._size = [], None, 0
            raise ParseError(f"H.264 picture has more than {MAX_PICTURE_BYTES} bytes")
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


def _begins_picture(payload: bytes) -> bool:
    """Whether a picture surely begins with it: only parameter sets and a delimiter stand before a first slice."""
    kind = payload[0] & _TYPE_MASK
    first = payload[3] & _TYPE_MASK if kind == _STAP_A and len(payload) > 3 else kind
    return first in (NalType.SPS, NalType.ACCESS_UNIT_DELIMITER)


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
