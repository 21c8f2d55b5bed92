"""What is negotiated for simulcast of VP8, on the camera's side and on the receiver's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.scenarios.encoding import Encoding
from tests.worker.rtc.parameters import (
    ABS_SEND_TIME_URI,
    MAPPED_SSRC,
    MID_URI,
    TRANSPORT_WIDE_CC_URI,
    VIDEO_FEEDBACK,
    video_parameters,
)


def simulcast_parameters(encodings: Sequence[Encoding], temporal_layers: int) -> dict[str, Any]:
    """What the camera sends, for ``produce``."""
    mode = f"L1T{temporal_layers}"
    return video_parameters(
        encodings=[{"ssrc": one.ssrc, "rtx": {"ssrc": one.rtx_ssrc}, "scalabilityMode": mode} for one in encodings]
    )


def simulcast_options(count: int, ssrc: int, temporal_layers: int, *, managed: bool) -> dict[str, Any]:
    """What a receiver gets of ``count`` streams, for ``consume``.

    Args:
        count: of the camera's encodings.
        ssrc: of what the receiver gets; its RTX has 1000 more.
        temporal_layers: of each encoding.
        managed: its bandwidth is estimated; else the consumer has the layers it prefers.
    """
    feedback = [one for one in VIDEO_FEEDBACK if managed or one["type"] not in ("transport-cc", "goog-remb")]
    parameters = {
        "mid": "0",
        "rtcp": {"cname": "router"},
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000, "rtcpFeedback": feedback},
            {"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90000, "parameters": {"apt": 100}},
        ],
        "encodings": [{"ssrc": ssrc, "rtx": {"ssrc": ssrc + 1000}, "scalabilityMode": f"S{count}T{temporal_layers}"}],
        "headerExtensions": [
            {"uri": MID_URI, "id": 1},
            {"uri": ABS_SEND_TIME_URI, "id": 4},
            {"uri": TRANSPORT_WIDE_CC_URI, "id": 5},
        ],
    }
    mode = f"L1T{temporal_layers}"
    return {
        "type": "simulcast",
        "rtpParameters": parameters,
        "consumableRtpEncodings": [{"ssrc": MAPPED_SSRC + index, "scalabilityMode": mode} for index in range(count)],
    }
