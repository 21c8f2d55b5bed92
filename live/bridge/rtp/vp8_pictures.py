"""VP8 pictures as a live stream has them, with configuration records made of what key frames say."""

from __future__ import annotations

from typing import ClassVar

from miso.live.bridge.rtp.picture_packets import Picture
from miso.live.media.codec import Codec
from miso.live.media.vp8 import is_vp8_key_frame, read_vp8_key_frame


class Vp8Pictures:
    """Reads one stream's pictures."""

    codec: ClassVar[Codec] = Codec.VP8

    def read(self, units: tuple[bytes, ...]) -> Picture | None:
        """The picture, which is one frame. Raises ParseError if it is a key frame that makes no sense."""
        frame = b"".join(units)
        if not frame:
            return None
        return Picture(frame, read_vp8_key_frame(frame).record() if is_vp8_key_frame(frame) else None)
