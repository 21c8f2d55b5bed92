"""The numbers in the first bytes of audio and video bodies (FLV 10.1, E.4.2 and E.4.3; Enhanced RTMP v2)."""

from __future__ import annotations

from enum import IntEnum

from miso.live.media.codec import Codec

IS_EX_VIDEO_HEADER = 0x80
MAX_TRACK_NUMBER = 0xFF
MAX_NANOSECOND_OFFSET = 999_999


class FrameType(IntEnum):
    """High bits of a video body's first byte."""

    KEY = 1
    INTER = 2
    DISPOSABLE_INTER = 3
    GENERATED_KEY = 4
    COMMAND = 5


class VideoCodecId(IntEnum):
    """Low four bits of a legacy video body's first byte. What is not here is not carried.

    HEVC is what Chinese encoders and networks agreed on before there was enhanced RTMP.
    """

    AVC = 7
    HEVC = 12


class AvcPacketType(IntEnum):
    """Second byte of a legacy video body."""

    SEQUENCE_HEADER = 0
    NALU = 1
    END_OF_SEQUENCE = 2


class SoundFormat(IntEnum):
    """High four bits of an audio body's first byte. What is not here is not carried."""

    MP3 = 2
    EX_HEADER = 9
    AAC = 10
    MP3_8_KHZ = 14


class AacPacketType(IntEnum):
    """Second byte of a legacy AAC body."""

    SEQUENCE_HEADER = 0
    RAW = 1


class VideoPacketType(IntEnum):
    """Low four bits of an enhanced video body's first byte."""

    SEQUENCE_START = 0
    CODED_FRAMES = 1
    SEQUENCE_END = 2
    CODED_FRAMES_X = 3
    METADATA = 4
    MPEG2TS_SEQUENCE_START = 5
    MULTITRACK = 6
    MOD_EX = 7


class AudioPacketType(IntEnum):
    """Low four bits of an enhanced audio body's first byte."""

    SEQUENCE_START = 0
    CODED_FRAMES = 1
    SEQUENCE_END = 2
    MULTICHANNEL_CONFIG = 4
    MULTITRACK = 5
    MOD_EX = 7


class MultitrackType(IntEnum):
    """What follows the header of a body with several tracks."""

    ONE_TRACK = 0
    MANY_TRACKS = 1
    MANY_TRACKS_MANY_CODECS = 2


class ModExType(IntEnum):
    """What a modifier changes; those not known are passed over."""

    TIMESTAMP_OFFSET_NANO = 0


# Of these, CodedFrames has a composition time.
WITH_COMPOSITION_TIME = frozenset((Codec.H264, Codec.HEVC))
# Always in legacy AAC bodies, whatever the rate and channels really are (E.4.2.1).
AAC_FIRST_BYTE = SoundFormat.AAC << 4 | 0xF
COLOR_INFO = "colorInfo"
