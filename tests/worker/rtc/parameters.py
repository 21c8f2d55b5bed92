"""RTP parameters of a sender and of the router's receivers, and the bodies of the commands that carry them."""

from __future__ import annotations

from typing import Any

import msgspec

from miso.worker.channel.bodies.transport import ConsumeRequest, ProduceRequest
from miso.worker.rtc.producer.producer import Producer

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ORIENTATION_URI = "urn:3gpp:video-orientation"

VIDEO_SSRC, VIDEO_RTX_SSRC, AUDIO_SSRC = 1111, 1112, 2222
MAPPED_SSRC = 9000
VIDEO_FEEDBACK = [
    {"type": "nack"},
    {"type": "nack", "parameter": "pli"},
    {"type": "ccm", "parameter": "fir"},
    {"type": "goog-remb"},
    {"type": "transport-cc"},
]


def video_parameters(**changes: Any) -> dict[str, Any]:
    """VP8 (96) with RTX (97)."""
    return {
        "mid": "v",
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "rtcpFeedback": VIDEO_FEEDBACK},
            {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
        ],
        "encodings": [{"ssrc": VIDEO_SSRC, "rtx": {"ssrc": VIDEO_RTX_SSRC}}],
        "headerExtensions": [{"uri": MID_URI, "id": 4}, {"uri": ORIENTATION_URI, "id": 7}],
        "rtcp": {"cname": "sender"},
        **changes,
    }


def audio_parameters(**changes: Any) -> dict[str, Any]:
    """Opus (111)."""
    return {
        "mid": "a",
        "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
        "encodings": [{"ssrc": AUDIO_SSRC}],
        "headerExtensions": [{"uri": MID_URI, "id": 4}, {"uri": AUDIO_LEVEL_URI, "id": 8}],
        "rtcp": {"cname": "sender"},
        **changes,
    }


def produce_body(
    producer_id: str, kind: str = "video", parameters: dict[str, Any] | None = None, **options: Any
) -> ProduceRequest:
    parameters = parameters or (video_parameters() if kind == "video" else audio_parameters())
    encodings = [
        {"mappedSsrc": MAPPED_SSRC + index, "ssrc": encoding.get("ssrc"), "rid": encoding.get("rid")}
        for index, encoding in enumerate(parameters["encodings"])
    ]
    codecs = [
        {"payloadType": codec["payloadType"], "mappedPayloadType": 100 + index}
        for index, codec in enumerate(parameters["codecs"])
    ]
    body = {
        "producerId": producer_id,
        "kind": kind,
        "rtpParameters": parameters,
        "rtpMapping": {"codecs": codecs, "encodings": encodings},
        **options,
    }
    return msgspec.convert(body, ProduceRequest)


def consume_body(consumer_id: str, producer: Producer, ssrc: int, **options: Any) -> ConsumeRequest:
    video = {
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000, "rtcpFeedback": VIDEO_FEEDBACK},
            {"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90000, "parameters": {"apt": 100}},
        ],
        "encodings": [{"ssrc": ssrc, "rtx": {"ssrc": ssrc + 1000}}],
        "headerExtensions": [
            {"uri": MID_URI, "id": 1},
            {"uri": ABS_SEND_TIME_URI, "id": 4},
            {"uri": TRANSPORT_WIDE_CC_URI, "id": 5},
        ],
    }
    audio = {
        "codecs": [{"mimeType": "audio/opus", "payloadType": 100, "clockRate": 48000, "channels": 2}],
        "encodings": [{"ssrc": ssrc}],
        "headerExtensions": [{"uri": MID_URI, "id": 1}, {"uri": ABS_SEND_TIME_URI, "id": 4}],
    }
    parameters = video if producer.kind == "video" else audio
    body = {
        "consumerId": consumer_id,
        "producerId": producer.id,
        "kind": producer.kind,
        "rtpParameters": {"mid": "0", "rtcp": {"cname": "router"}, **parameters},
        "type": "simple",
        "consumableRtpEncodings": [{"ssrc": MAPPED_SSRC}],
        **options,
    }
    return msgspec.convert(body, ConsumeRequest)
