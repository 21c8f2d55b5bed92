"""VP8 frames out of RTP payloads (RFC 7741)."""

from __future__ import annotations

from typing import ClassVar, Final

from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.errors import ParseError
from miso.live.media.byte_reader import ByteReader

_EXTENDED: Final = 0x80
_BEGINS_PARTITION: Final = 0x10
_PARTITION: Final = 0x07
_HAS_PICTURE_ID: Final = 0x80
_HAS_TL0_INDEX: Final = 0x40
_HAS_LAYER_OR_KEY_INDEX: Final = 0x30
_IS_LONG: Final = 0x80


class Vp8Depacketizer(Depacketizer):
    """One stream's payloads, in order; a picture is one unit, the frame."""

    name: ClassVar[str] = "VP8"

    def _begins_picture(self, payload: bytes) -> bool:
        return payload[0] & _BEGINS_PARTITION != 0 and not payload[0] & _PARTITION

    def _take(self, payload: bytes) -> None:
        rest = _without_descriptor(payload)
        if self._begins_picture(payload):
            if self._fragment is not None:
                raise ParseError("VP8 frame begins before the one of the same time has ended")
            self._fragment = bytearray()
        elif self._fragment is None:
            raise ParseError("VP8 frame goes on that has not begun")
        self._fragment += rest

    def _end_picture(self) -> None:
        if self._fragment is not None:
            self._units.append(bytes(self._fragment))
            self._fragment = None


def _without_descriptor(payload: bytes) -> bytes:
    """What of the frame is in a payload (section 4.2).

    ::

             0 1 2 3 4 5 6 7
            +-+-+-+-+-+-+-+-+
            |X|R|N|S|R| PID |
            +-+-+-+-+-+-+-+-+
         X: |I|L|T|K| RSV   |
            +-+-+-+-+-+-+-+-+
         I: |M| PictureID   |   16 bits when M is set
            +-+-+-+-+-+-+-+-+
         L: |   TL0PICIDX   |
            +-+-+-+-+-+-+-+-+
       T/K: |TID|Y| KEYIDX  |
            +-+-+-+-+-+-+-+-+
    """
    data = ByteReader(payload, "VP8 payload")
    if data.u8() & _EXTENDED:
        has = data.u8()
        if has & _HAS_PICTURE_ID and data.u8() & _IS_LONG:
            data.u8()
        if has & _HAS_TL0_INDEX:
            data.u8()
        if has & _HAS_LAYER_OR_KEY_INDEX:
            data.u8()
    if not data.left:
        raise ParseError("VP8 payload has nothing behind its descriptor")
    return data.rest()
