"""Whole pictures out of RTP payloads: what all codecs have in common, a timestamp and a marker for each picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final, NamedTuple

from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.errors import ParseError

MAX_PICTURE_BYTES: Final = 4_000_000
"""Of one picture; a longer one is dropped."""


class AccessUnit(NamedTuple):
    """One whole picture.

    Attributes:
        timestamp: RTP's, 32 bits, 90 kHz.
        units: What it is made of, in order: H.264's NAL units, parameter sets among them; AV1's OBUs; of VP8 the frame,
            of VP9 a frame for each spatial layer.
    """

    timestamp: int
    units: tuple[bytes, ...]


class Depacketizer(ABC):
    """One stream's payloads, in order. A codec's own class knows what is in a payload.

    Attributes:
        broken: Pictures of which something was lost, or that made no sense.
    """

    name: ClassVar[str]
    """Of the codec, for the text of errors."""

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
            self._is_whole = not is_after_gap or self._begins_picture(packet.payload)
        elif is_after_gap:
            self._is_whole = False
        try:
            if self._is_whole:
                self._count(packet.payload)
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
        if self._is_whole:
            self._end_picture()
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

    def _count(self, payload: bytes) -> None:
        self._size += len(payload)
        if self._size > MAX_PICTURE_BYTES:
            self._units, self._fragment, self._size = [], None, 0
            raise ParseError(f"{self.name} picture has more than {MAX_PICTURE_BYTES} bytes")

    @abstractmethod
    def _begins_picture(self, payload: bytes) -> bool:
        """Whether a picture surely begins with a payload, which need not make sense."""

    @abstractmethod
    def _take(self, payload: bytes) -> None:
        """Adds what is in a payload to the picture's units, and to the fragment of a unit that goes on in the next one.

        Raises:
            ParseError: It makes no sense.
        """

    def _end_picture(self) -> None:  # noqa: B027 (most codecs say where a unit ends)
        """The picture's last payload has come."""
