"""AV1 pictures as a live stream has them, with configuration records made of their sequence headers."""

from __future__ import annotations

from typing import ClassVar, Final

from miso.live.bridge.rtp.picture_packets import Picture
from miso.live.errors import ParseError
from miso.live.media.av1 import Obu, ObuType, make_av1_config, read_obu
from miso.live.media.codec import Codec

MAX_SEQUENCE_BYTES: Final = 1_024
"""Of a sequence header; real ones have about ten."""
_NOT_KEPT: Final = frozenset((ObuType.TEMPORAL_DELIMITER, ObuType.TILE_LIST, ObuType.PADDING))
"""What files leave out, too (AV1 in ISOBMFF, section 2.4)."""
_FRAMES: Final = frozenset((ObuType.FRAME, ObuType.FRAME_HEADER))
_REDUCED: Final = 0x08
_EXISTING_OR_TYPE: Final = 0xE0


class Av1Pictures:
    """Reads one stream's pictures. Spatial layers are one picture, of which AV1's decoders show the highest."""

    codec: ClassVar[Codec] = Codec.AV1

    def __init__(self) -> None:
        self._sequence: Obu | None = None

    def read(self, units: tuple[bytes, ...]) -> Picture | None:
        """The picture of OBUs; None: they are a sequence header alone, or the like.

        Raises:
            ParseError: An OBU makes no sense, or a key frame comes and there has been no sequence header.
        """
        obus = [obu for obu in map(read_obu, units) if obu.kind not in _NOT_KEPT]
        for obu in obus:
            if obu.kind == ObuType.SEQUENCE_HEADER:
                if len(obu.payload) > MAX_SEQUENCE_BYTES:
                    size = len(obu.payload)
                    raise ParseError(f"AV1 sequence header has {size} bytes, expected at most {MAX_SEQUENCE_BYTES}")
                self._sequence = obu
        frame = next((obu for obu in obus if obu.kind in _FRAMES), None)
        if frame is None:
            return None
        payload = b"".join(obu.to_bytes() for obu in obus)
        return Picture(payload, self._record() if self._is_key(frame) else None)

    def _is_key(self, frame: Obu) -> bool:
        """AV1, section 5.9.2: the header begins with show_existing_frame and frame_type, where there is a choice."""
        if not frame.payload:
            raise ParseError("AV1 frame is empty")
        sequence = self._sequence.payload if self._sequence is not None else b""
        is_still = bool(sequence) and bool(sequence[0] & _REDUCED)
        return is_still or not frame.payload[0] & _EXISTING_OR_TYPE

    def _record(self) -> bytes:
        if self._sequence is None:
            raise ParseError("AV1 key frame comes before its sequence header")
        return make_av1_config(self._sequence.to_bytes())
