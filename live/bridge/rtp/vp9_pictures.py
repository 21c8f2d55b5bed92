"""VP9 pictures as a live stream has them, with configuration records made of what key frames say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from miso.live.bridge.rtp.picture_packets import Picture
from miso.live.media.codec import Codec
from miso.live.media.vp9 import is_vp9_key_frame, join_vp9_frames, read_vp9_key_frame
from miso.live.media.vp9_frame_header import Size, Vp9Sizes, hide


class Vp9Pictures:
    """Reads one stream's pictures.

    Where there are several spatial layers, their frames are one picture, a superframe. Senders mark all of them as
    shown, and browsers show the last one; ffmpeg would show each, small and large in turn. So the lower ones are marked
    as not shown.
    """

    codec: ClassVar[Codec] = Codec.VP9

    def __init__(self) -> None:
        self._sizes = Vp9Sizes()
        self._has_layers = False

    def read(self, units: tuple[bytes, ...]) -> Picture | None:
        """The picture of a frame for each spatial layer. Raises ParseError if its headers make no sense."""
        if not units:
            return None
        is_key = is_vp9_key_frame(units[0])
        form = read_vp9_key_frame(units[0]) if is_key else None
        if (is_key or len(units) > 1) and self._has_layers is (len(units) == 1):
            self._has_layers = not self._has_layers
            self._sizes = Vp9Sizes()  # where there are no layers, it does not follow
        frames: Sequence[bytes] = units
        if self._has_layers:
            frames, size = self._as_one(units)
            if form is not None and size is not None:
                form = form._replace(width=size[0], height=size[1])
        return Picture(join_vp9_frames(frames), form.record() if form is not None else None)

    def _as_one(self, units: Sequence[bytes]) -> tuple[list[bytes], Size | None]:
        """The frames, of which the last one alone is shown, and its size.

        A frame of the same size as the one behind it stays as it is: the other's motion vectors may refer to it only if
        it is shown (section 7.2, UsePrevFrameMvs).
        """
        headers = [self._sizes.read(unit) for unit in units]
        frames = [
            hide(unit, header) if header.is_shown and header.size != behind.size else unit
            for unit, (header, behind) in zip(units, pairwise(headers), strict=False)
        ]
        return [*frames, units[-1]], headers[-1].size
