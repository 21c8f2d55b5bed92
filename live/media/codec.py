"""What a track carries, and how it is coded."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a track carries."""

    AUDIO = "audio"
    VIDEO = "video"
    DATA = "data"


class Codec(Enum):
    """The codecs of enhanced RTMP; the value is the FourCC."""

    H264 = "avc1"
    HEVC = "hvc1"
    AV1 = "av01"
    VP8 = "vp08"
    VP9 = "vp09"
    AAC = "mp4a"
    OPUS = "Opus"
    MP3 = ".mp3"
    FLAC = "fLaC"
    AC3 = "ac-3"
    EAC3 = "ec-3"

    @property
    def kind(self) -> Kind:
        """Audio or video."""
        return Kind.VIDEO if self in _VIDEO else Kind.AUDIO

    @property
    def four_cc(self) -> bytes:
        """The name as it is written."""
        return self.value.encode()


_VIDEO = frozenset((Codec.H264, Codec.HEVC, Codec.AV1, Codec.VP8, Codec.VP9))


class TrackId(NamedTuple):
    """Which track of a stream.

    Attributes:
        kind: What it carries.
        number: 0 for the stream's main track of that kind; 1 to 255 for others (enhanced RTMP v2, multitrack).
    """

    kind: Kind
    number: int = 0
