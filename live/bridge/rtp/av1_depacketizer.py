"""AV1 pictures out of RTP payloads (RTP Payload Format For AV1, version 1.0 of the Alliance for Open Media)."""

from __future__ import annotations

from typing import ClassVar, Final

from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.errors import ParseError
from miso.live.media.av1 import read_leb128
from miso.live.media.byte_reader import ByteReader

_GOES_ON: Final = 0x80
_IS_CUT: Final = 0x40
_COUNT: Final = 0x30
_COUNT_SHIFT: Final = 4
_BEGINS_SEQUENCE: Final = 0x08


class Av1Depacketizer(Depacketizer):
    """One stream's payloads, in order; units are OBUs, most without their size."""

    name: ClassVar[str] = "AV1"

    def _begins_picture(self, payload: bytes) -> bool:
        return payload[0] & (_BEGINS_SEQUENCE | _GOES_ON) == _BEGINS_SEQUENCE

    def _take(self, payload: bytes) -> None:
        """Reads a payload (section 4.4).

        ::

             0 1 2 3 4 5 6 7
            +-+-+-+-+-+-+-+-+
            |Z|Y| W |N|-|-|-|   Z: begins with the rest of an OBU; Y: the last one goes on; N: a sequence begins
            +-+-+-+-+-+-+-+-+
            | size, OBU     |   W times, the last one without a size; if W is 0, any number, each with its size
            +-+-+-+-+-+-+-+-+
        """
        data = ByteReader(payload, "AV1 payload")
        header = data.u8()
        count = (header & _COUNT) >> _COUNT_SHIFT
        elements: list[bytes] = []
        while data.left if not count else len(elements) < count:
            has_size = len(elements) + 1 != count
            element = data.take(read_leb128(data)) if has_size else data.rest()
            if not element:
                raise ParseError("AV1 payload has an OBU of 0 bytes")
            elements.append(element)
        if not elements:
            raise ParseError("AV1 payload has no OBU")
        if bool(header & _GOES_ON) != (self._fragment is not None):
            has = "has not begun" if self._fragment is None else "has not ended"
            self._fragment = None
            raise ParseError(f"AV1 payload begins with 0x{header:02x}: the OBU before it {has}")
        for element in elements:
            self._fragment = (self._fragment or bytearray()) + element
            if element is not elements[-1] or not header & _IS_CUT:
                self._units.append(bytes(self._fragment))
                self._fragment = None
