"""The codecs whose payloads are looked into."""

from __future__ import annotations

from enum import IntEnum

from miso.worker.rtp import enums


class Codec(IntEnum):
    """What must be known of a payload: where its key frames, layers and silences are."""

    OTHER = enums.OTHER
    OPUS = enums.OPUS
    VP8 = enums.VP8
    VP9 = enums.VP9
    H264 = enums.H264
