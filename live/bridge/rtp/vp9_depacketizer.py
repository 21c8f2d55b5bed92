"""VP9 frames out of RTP payloads (RFC 9628)."""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.errors import ParseError
from miso.live.media.byte_reader import ByteReader
from miso.live.media.vp9 import MAX_SUPERFRAME

_HAS_PICTURE_ID: Final = 0x80
_IS_INTER: Final = 0x40
_HAS_LAYERS: Final = 0x20
_IS_FLEXIBLE: Final = 0x10
_BEGINS: Final = 0x08
_ENDS: Final = 0x04
_HAS_STRUCTURE: Final = 0x02
_IS_LONG: Final = 0x80
_SPATIAL_LAYER: Final = 0x07
_MAX_REFERENCES: Final = 3
_HAS_SIZES: Final = 0x10
_HAS_PICTURES: Final = 0x08
_SIZE_OF_SIZES: Final = 4


class _Part(NamedTuple):
    """What of a frame is in a payload.

    Attributes:
        spatial_layer: Of the frame.
        begins, ends: Whether it is the frame's first and last.
        data: The bits.
    """

    spatial_layer: int
    begins: bool
    ends: bool
    data: bytes


class Vp9Depacketizer(Depacketizer):
    """One stream's payloads, in order; units are frames, one for each spatial layer of a picture."""

    name: ClassVar[str] = "VP9"

    def _begins_picture(self, payload: bytes) -> bool:
        try:
            part = _read_payload(payload)
        except ParseError:
            return False
        return part.begins and not part.spatial_layer

    def _take(self, payload: bytes) -> None:
        part = _read_payload(payload)
        if part.begins:
            if self._fragment is not None:
                self._fragment = None
                raise ParseError("VP9 frame begins before the one before it has ended")
            if len(self._units) == MAX_SUPERFRAME:
                raise ParseError(f"VP9 picture has more than {MAX_SUPERFRAME} frames")
            self._fragment = bytearray()
        elif self._fragment is None:
            raise ParseError("VP9 frame goes on that has not begun")
        self._fragment += part.data
        if part.ends:
            self._units.append(bytes(self._fragment))
            self._fragment = None


def _read_payload(payload: bytes) -> _Part:
    """Reads a payload and its descriptor (section 4.2).

    ::

             0 1 2 3 4 5 6 7
            +-+-+-+-+-+-+-+-+
            |I|P|L|F|B|E|V|Z|
            +-+-+-+-+-+-+-+-+
         I: |M| PICTURE ID  |   16 bits when M is set
            +-+-+-+-+-+-+-+-+
         L: | TID |U| SID |D|
            +-+-+-+-+-+-+-+-+
            |   TL0PICIDX   |   with L, unless F is set
            +-+-+-+-+-+-+-+-+
       P,F: | P_DIFF      |N|   one to three, while N is set
            +-+-+-+-+-+-+-+-+
         V: | N_S |Y|G|-|-|-|   the structure of layers
            +-+-+-+-+-+-+-+-+
         Y: | WIDTH, HEIGHT |   16 bits each, N_S + 1 times
            +-+-+-+-+-+-+-+-+
         G: |      N_G      |
            +-+-+-+-+-+-+-+-+
            | TID |U| R |-|-|   N_G times, each with R times P_DIFF (8 bits)
            +-+-+-+-+-+-+-+-+

    Raises:
        ParseError: It is cut off, or has more references than there may be.
    """
    data = ByteReader(payload, "VP9 payload")
    first = data.u8()
    if first & _HAS_PICTURE_ID and data.u8() & _IS_LONG:
        data.u8()
    spatial_layer = 0
    if first & _HAS_LAYERS:
        spatial_layer = data.u8() >> 1 & _SPATIAL_LAYER
        if not first & _IS_FLEXIBLE:
            data.u8()
    if first & _IS_INTER and first & _IS_FLEXIBLE:
        references = 1
        while data.u8() & 1:
            references += 1
            if references > _MAX_REFERENCES:
                raise ParseError(f"VP9 payload has more than {_MAX_REFERENCES} references")
    if first & _HAS_STRUCTURE:
        _skip_structure(data)
    if not data.left:
        raise ParseError("VP9 payload has nothing behind its descriptor")
    return _Part(spatial_layer, bool(first & _BEGINS), bool(first & _ENDS), data.rest())


def _skip_structure(data: ByteReader) -> None:
    head = data.u8()
    if head & _HAS_SIZES:
        data.take(_SIZE_OF_SIZES * ((head >> 5) + 1))
    if head & _HAS_PICTURES:
        for _ in range(data.u8()):
            data.take(data.u8() >> 2 & 3)
