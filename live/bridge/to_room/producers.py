"""What a live stream is in a room, in RTP's words."""

from __future__ import annotations

from typing import Final

from miso.controller.types import (
    RtcpFeedback,
    RtcpParameters,
    RtpCodecParameters,
    RtpEncodingParameters,
    RtpParameters,
)

VIDEO_TYPE: Final = 102
AUDIO_TYPE: Final = 100
VIDEO_RATE_HZ: Final = 90_000
AUDIO_RATE_HZ: Final = 48_000
# What every browser takes. They decode what the stream's own parameter sets say, be it Main or High.
_PROFILE = "42e01f"
# Nothing is lost on loopback, and so nothing need be sent again; key frames are asked for.
_FEEDBACK = [RtcpFeedback(type="nack", parameter="pli"), RtcpFeedback(type="ccm", parameter="fir")]


def video_parameters(ssrc: int, cname: str) -> RtpParameters:
    """H.264, packetization mode 1."""
    codec = RtpCodecParameters(
        mime_type="video/H264",
        payload_type=VIDEO_TYPE,
        clock_rate=VIDEO_RATE_HZ,
        parameters={"packetization-mode": 1, "profile-level-id": _PROFILE, "level-asymmetry-allowed": 1},
        rtcp_feedback=_FEEDBACK,
    )
    return _parameters(codec, ssrc, cname)


def audio_parameters(ssrc: int, cname: str) -> RtpParameters:
    """Opus, stereo."""
    codec = RtpCodecParameters(
        mime_type="audio/opus",
        payload_type=AUDIO_TYPE,
        clock_rate=AUDIO_RATE_HZ,
        channels=2,
        parameters={"sprop-stereo": 1, "stereo": 1, "useinbandfec": 1},
    )
    return _parameters(codec, ssrc, cname)


def _parameters(codec: RtpCodecParameters, ssrc: int, cname: str) -> RtpParameters:
    return RtpParameters(
        codecs=[codec], encodings=[RtpEncodingParameters(ssrc=ssrc)], rtcp=RtcpParameters(cname=cname[:64])
    )
