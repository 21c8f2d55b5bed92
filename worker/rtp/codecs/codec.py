"""The codecs whose payloads are looked into."""

from __future__ import annotations

from enum import IntEnum


class Codec(IntEnum):
    """What must be known of a payload: where its key frames, layers and silences are."""

    OTHER = 0
    OPUS = 1
    VP8 = 2
    VP9 = 3
    H264 = 4
