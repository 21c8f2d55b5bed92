"""How people in rooms may code their pictures, for a live stream to have them as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from miso.controller.rtp_capabilities import RtpCodecCapability
from miso.controller.types import RtcpFeedback, RtpCodecParameters
from miso.live.bridge.rtp.av1_depacketizer import Av1Depacketizer
from miso.live.bridge.rtp.av1_pictures import Av1Pictures
from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.bridge.rtp.h264_depacketizer import H264Depacketizer
from miso.live.bridge.rtp.h264_pictures import H264Pictures
from miso.live.bridge.rtp.picture_packets import Pictures
from miso.live.bridge.rtp.vp8_depacketizer import Vp8Depacketizer
from miso.live.bridge.rtp.vp8_pictures import Vp8Pictures
from miso.live.bridge.rtp.vp9_depacketizer import Vp9Depacketizer
from miso.live.bridge.rtp.vp9_pictures import Vp9Pictures

_H264_PROFILES = ("42e01f", "4d0032", "640032")
_H264: Final = {"packetization-mode": 1, "level-asymmetry-allowed": 1}
_VP9_PROFILES = (0, 1, 2, 3)
_FIRST_PAYLOAD_TYPE: Final = 101


class PictureCodec(Enum):
    """The codecs.

    H264: Every player takes it.
    VP9, AV1: For players of enhanced RTMP and FLV that know them, and for HLS and MP4.
    VP8: Enhanced RTMP and FLV have a form of it, which hardly any player knows, and neither HLS nor MP4 has one here.
    """

    H264 = "h264"
    VP9 = "vp9"
    AV1 = "av1"
    VP8 = "vp8"

    @property
    def mime_type(self) -> str:
        """As RTP parameters name it, in lower case."""
        return f"video/{self.value}"


USUAL: Final = (PictureCodec.H264, PictureCodec.VP9, PictureCodec.AV1)
"""What somebody can be expected to play."""


class Reading(NamedTuple):
    """What reads a codec's RTP; each is made once for a stream.

    Attributes:
        depacketizer: Makes what finds pictures in payloads.
        pictures: Makes what knows them.
        parameters: What the codec's own parameters may be; each is a codec of its own in RTP.
    """

    depacketizer: Callable[[], Depacketizer]
    pictures: Callable[[], Pictures]
    parameters: tuple[Mapping[str, object], ...]


READING: Final = {
    PictureCodec.H264: Reading(
        H264Depacketizer, H264Pictures, tuple({**_H264, "profile-level-id": profile} for profile in _H264_PROFILES)
    ),
    PictureCodec.VP9: Reading(
        Vp9Depacketizer, Vp9Pictures, tuple({"profile-id": profile} for profile in _VP9_PROFILES)
    ),
    PictureCodec.AV1: Reading(Av1Depacketizer, Av1Pictures, ({},)),
    PictureCodec.VP8: Reading(Vp8Depacketizer, Vp8Pictures, ({},)),
}


def capabilities(codecs: Sequence[PictureCodec]) -> list[RtpCodecCapability]:
    """These codecs as a receiver's capabilities."""
    ways = [(codec.mime_type, parameters) for codec in codecs for parameters in READING[codec].parameters]
    return [
        RtpCodecCapability(
            kind="video",
            mime_type=mime_type,
            preferred_payload_type=_FIRST_PAYLOAD_TYPE + index,
            clock_rate=90_000,
            parameters=dict(parameters),
            rtcp_feedback=[RtcpFeedback(type="nack", parameter="pli")],
        )
        for index, (mime_type, parameters) in enumerate(ways)
    ]


def by_payload_type(codecs: Sequence[RtpCodecParameters]) -> dict[int, PictureCodec]:
    """Of what a producer or consumer has negotiated, what is of use here; the first stands first."""
    by_name = {codec.mime_type: codec for codec in PictureCodec}
    return {
        codec.payload_type: by_name[codec.mime_type.lower()] for codec in codecs if codec.mime_type.lower() in by_name
    }
