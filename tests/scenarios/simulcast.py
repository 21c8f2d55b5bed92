"""What is negotiated for simulcast of VP8, on the camera's side and on the receiver's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.scenarios.camera import Encoding
from tests.worker.rtc.rig import (
    ABS_SEND_TIME_URI,
    MAPPED_SSRC,
    MID_URI,
    TRANSPORT_WIDE_CC_URI,
    VIDEO_FEEDBACK,
    video_parameters,
)


def simulcast_encodings(bitrates_bps: Sequence[int]) -> list[Encoding]:
    """The camera's streams, from the smallest to the largest."""
    return [
        Encoding(ssrc=2000 + 2 * index, rtx_ssrc=2001 + 2 * index, bitrate_bps=bitrate_bps)
        for index, bitrate_bps in enumerate(bitrates_bps)
    ]


def simulcast_parameters(encodings: Sequence[Encoding]) -> dict[str, Any]:
    """What the camera sends, for ``produce``."""
    return video_parameters(
        encodings=[{"ssrc": one.ssrc, "rtx": {"ssrc": one.rtx_ssrc}, "scalabilityMode": "L1T1"} for one in encodings]
    )


def simulcast_options(count: int, ssrc: int) -> dict[str, Any]:
    """What a receiver with transport-wide feedback gets of ``count`` streams, for ``consume``; RTX has ``ssrc + 1``."""
    parameters = {
        "mid": "0",
        "rtcp": {"cname": "router"},
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000, "rtcpFeedback": VIDEO_FEEDBACK},
            {"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90000, "parameters": {"apt": 100}},
        ],
        "encodings": [{"ssrc": ssrc, "rtx": {"ssrc": ssrc + 1}, "scalabilityMode": f"S{count}T1"}],
        "headerExtensions": [
            {"uri": MID_URI, "id": 1},
            {"uri": ABS_SEND_TIME_URI, "id": 4},
            {"uri": TRANSPORT_WIDE_CC_URI, "id": 5},
        ],
    }
    return {
        "type": "simulcast",
        "rtpParameters": parameters,
        "consumableRtpEncodings": [{"ssrc": MAPPED_SSRC + index, "scalabilityMode": "L1T1"} for index in range(count)],
    }
