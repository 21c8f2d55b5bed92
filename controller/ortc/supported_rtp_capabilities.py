"""The codecs and header extensions that the worker understands."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from miso.controller.rtp_capabilities import (
    Direction,
    MediaKind,
    RtpCapabilities,
    RtpCodecCapability,
    RtpHeaderExtension,
)
from miso.worker.channel.bodies.rtp import CodecParameters, RtcpFeedback

_TRANSPORT_CC = RtcpFeedback(type="transport-cc", parameter="")
_NACK = RtcpFeedback(type="nack", parameter="")
_VIDEO_FEEDBACK = [
    _NACK,
    RtcpFeedback(type="nack", parameter="pli"),
    RtcpFeedback(type="ccm", parameter="fir"),
    RtcpFeedback(type="goog-remb", parameter=""),
    _TRANSPORT_CC,
]

# Name, clock rates in Hz, static payload type (RFC 3551 section 6), feedback.
_MONO_CODECS: tuple[tuple[str, tuple[int, ...], int | None, list[RtcpFeedback]], ...] = (
    ("PCMU", (8000,), 0, [_TRANSPORT_CC]),
    ("PCMA", (8000,), 8, [_TRANSPORT_CC]),
    ("ISAC", (32000, 16000), None, [_TRANSPORT_CC]),
    ("G722", (8000,), 9, [_TRANSPORT_CC]),
    ("iLBC", (8000,), None, [_TRANSPORT_CC]),
    ("SILK", (24000, 16000, 12000, 8000), None, [_TRANSPORT_CC]),
    ("CN", (32000, 16000, 8000), 13, []),
    ("telephone-event", (48000, 32000, 16000, 8000), None, []),
)

# Channels, their order in the stream, Opus streams and how many of those are stereo (RFC 7845 section 5.1.1.2).
_MULTIOPUS = (
    (4, "0,1,2,3", 2, 2),
    (6, "0,4,1,2,3,5", 4, 2),
    (8, "0,6,1,2,3,4,5,7", 5, 3),
)

_VIDEO_CODECS: tuple[tuple[str, CodecParameters], ...] = (
    ("VP8", {}),
    ("VP9", {}),
    ("H264", {"level-asymmetry-allowed": 1}),
    ("H264-SVC", {"level-asymmetry-allowed": 1}),
    ("H265", {"level-asymmetry-allowed": 1}),
    ("AV1", {}),
)

# Number, URI, and its direction for audio and for video (None: not used there).
_EXTENSIONS: tuple[tuple[int, str, Direction | None, Direction | None], ...] = (
    (1, "urn:ietf:params:rtp-hdrext:sdes:mid", "sendrecv", "sendrecv"),
    (2, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", None, "recvonly"),
    (3, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", None, "recvonly"),
    (4, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", "sendrecv", "sendrecv"),
    # Audio that is sent does not count its packets: only video's bandwidth is estimated.
    (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", "recvonly", "sendrecv"),
    (6, "http://tools.ietf.org/html/draft-ietf-avtext-framemarking-07", None, "sendrecv"),
    (7, "urn:ietf:params:rtp-hdrext:framemarking", None, "sendrecv"),
    (10, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "sendrecv", None),
    (11, "urn:3gpp:video-orientation", None, "sendrecv"),
    (12, "urn:ietf:params:rtp-hdrext:toffset", None, "sendrecv"),
    (13, "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time", "sendrecv", "sendrecv"),
)


def _codecs() -> Iterator[RtpCodecCapability]:
    opus_feedback = [_NACK, _TRANSPORT_CC]
    yield RtpCodecCapability(
        kind="audio", mime_type="audio/opus", clock_rate=48000, channels=2, rtcp_feedback=opus_feedback
    )
    for channels, order, streams, coupled in _MULTIOPUS:
        yield RtpCodecCapability(
            kind="audio",
            mime_type="audio/multiopus",
            clock_rate=48000,
            channels=channels,
            parameters={"channel_mapping": order, "num_streams": streams, "coupled_streams": coupled},
            rtcp_feedback=opus_feedback,
        )
    for name, clock_rates, payload_type, feedback in _MONO_CODECS:
        for clock_rate in clock_rates:
            yield RtpCodecCapability(
                kind="audio",
                mime_type=f"audio/{name}",
                preferred_payload_type=payload_type,
                clock_rate=clock_rate,
                channels=1,
                rtcp_feedback=feedback,
            )
    for name, parameters in _VIDEO_CODECS:
        yield RtpCodecCapability(
            kind="video",
            mime_type=f"video/{name}",
            clock_rate=90000,
            parameters=parameters,
            rtcp_feedback=_VIDEO_FEEDBACK,
        )


def _extensions() -> Iterator[RtpHeaderExtension]:
    for number, uri, audio, video in _EXTENSIONS:
        directions: tuple[tuple[MediaKind, Direction | None], ...] = (("audio", audio), ("video", video))
        for kind, direction in directions:
            if direction is not None:
                yield RtpHeaderExtension(kind=kind, uri=uri, preferred_id=number, direction=direction)


SUPPORTED_RTP_CAPABILITIES = RtpCapabilities(codecs=list(_codecs()), header_extensions=list(_extensions()))


def get_supported_rtp_capabilities() -> RtpCapabilities:
    """The codecs and header extensions that routers can be created with; the caller's to change."""
    return msgspec.convert(msgspec.to_builtins(SUPPORTED_RTP_CAPABILITIES), RtpCapabilities)
