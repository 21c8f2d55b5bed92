"""VP9 pictures as a live stream has them, with configuration records made of what key frames say."""

from __future__ import annotations

from typing import ClassVar

from miso.live.bridge.rtp.picture_packets import Picture
from miso.live.media.codec import Codec
from miso.live.media.vp9 import is_vp9_key_frame, join_vp9_frames, read_vp9_key_frame


class Vp9Pictures:
    """Reads one stream's pictures. Where there are several spatial layers, they are one picture: a superframe."""

    codec: ClassVar[Codec] = Codec.VP9

    def read(self, units: tuple[bytes, ...]) -> Picture | None:
        """The picture of a frame for each spatial layer."""
        if not units:
            return None
        is_key = is_vp9_key_frame(units[0])
        return Picture(join_vp9_frames(units), read_vp9_key_frame(units[0]).record() if is_key else None)
