"""RTP parameters for the conversation, as a controller's ortc would make them."""

from __future__ import annotations

from miso.worker.channel.bodies.rtp import (
    CodecMapping,
    EncodingMapping,
    RtcpFeedback,
    RtcpParameters,
    RtpCodecParameters,
    RtpEncodingParameters,
    RtpHeaderExtensionParameters,
    RtpMapping,
    RtpParameters,
    RtxParameters,
)

OPUS = RtpCodecParameters(
    mime_type="audio/opus", payload_type=100, clock_rate=48000, channels=2, parameters={"useinbandfec": 1}
)
VP8_FEEDBACK = [
    RtcpFeedback(type="nack"),
    RtcpFeedback(type="nack", parameter="pli"),
    RtcpFeedback(type="ccm", parameter="fir"),
    RtcpFeedback(type="transport-cc"),
]
VP8 = RtpCodecParameters(mime_type="video/VP8", payload_type=101, clock_rate=90000, rtcp_feedback=VP8_FEEDBACK)
RTX = RtpCodecParameters(mime_type="video/rtx", payload_type=102, clock_rate=90000, parameters={"apt": 101})
MID = RtpHeaderExtensionParameters(uri="urn:ietf:params:rtp-hdrext:sdes:mid", id=1)
RID = RtpHeaderExtensionParameters(uri="urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", id=2)
TRANSPORT_WIDE_CC = RtpHeaderExtensionParameters(
    uri="http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", id=5
)
AUDIO_LEVEL = RtpHeaderExtensionParameters(uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level", id=10)
RTCP = RtcpParameters(cname="harness", reduced_size=True)

AUDIO = RtpParameters(
    mid="audio",
    codecs=[OPUS],
    encodings=[RtpEncodingParameters(ssrc=11111)],
    header_extensions=[MID, AUDIO_LEVEL],
    rtcp=RTCP,
)
AUDIO_MAPPING = RtpMapping(
    codecs=[CodecMapping(payload_type=100, mapped_payload_type=100)],
    encodings=[EncodingMapping(ssrc=11111, mapped_ssrc=511111)],
)
VIDEO = RtpParameters(
    mid="video",
    codecs=[VP8, RTX],
    encodings=[RtpEncodingParameters(ssrc=22222, rtx=RtxParameters(ssrc=22223))],
    header_extensions=[MID, TRANSPORT_WIDE_CC],
    rtcp=RTCP,
)
VIDEO_MAPPING = RtpMapping(
    codecs=[
        CodecMapping(payload_type=101, mapped_payload_type=101),
        CodecMapping(payload_type=102, mapped_payload_type=102),
    ],
    encodings=[EncodingMapping(ssrc=22222, mapped_ssrc=522222)],
)
SIMULCAST = RtpParameters(
    mid="simulcast",
    codecs=[VP8, RTX],
    encodings=[RtpEncodingParameters(rid=rid, scalability_mode="S1T3") for rid in ("r0", "r1", "r2")],
    header_extensions=[MID, RID, TRANSPORT_WIDE_CC],
    rtcp=RTCP,
)
SIMULCAST_MAPPING = RtpMapping(
    codecs=VIDEO_MAPPING.codecs,
    encodings=[EncodingMapping(rid=f"r{index}", mapped_ssrc=533330 + index) for index in range(3)],
)

CONSUMABLE_AUDIO = [RtpEncodingParameters(ssrc=511111, codec_payload_type=100)]
CONSUMABLE_VIDEO = [RtpEncodingParameters(ssrc=522222)]
CONSUMABLE_SIMULCAST = [RtpEncodingParameters(ssrc=533330 + index, scalability_mode="S1T3") for index in range(3)]


def consumer_audio(ssrc: int) -> RtpParameters:
    """Parameters of an audio consumer."""
    return RtpParameters(
        mid="0",
        codecs=[OPUS],
        encodings=[RtpEncodingParameters(ssrc=ssrc)],
        header_extensions=[MID, AUDIO_LEVEL],
        rtcp=RTCP,
    )


def consumer_video(ssrc: int, scalability_mode: str | None = None) -> RtpParameters:
    """Parameters of a video consumer with retransmission."""
    return RtpParameters(
        mid="1",
        codecs=[VP8, RTX],
        encodings=[
            RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1), scalability_mode=scalability_mode)
        ],
        header_extensions=[MID, TRANSPORT_WIDE_CC],
        rtcp=RTCP,
    )
