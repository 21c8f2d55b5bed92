"""What an endpoint can receive: codecs and header extensions (ORTC's RTCRtpCapabilities)."""

from __future__ import annotations

from typing import Literal

import msgspec

from miso.worker.channel.bodies.rtp import CodecParameters, RtcpFeedback

MediaKind = Literal["audio", "video"]
"""What a producer or consumer carries."""

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
"""In which direction a header extension is used."""


class RtpCodecCapability(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A codec that can be received, or that a router is to accept.

    Attributes:
        kind: Always the first part of the MIME type.
        mime_type: ``audio/opus``, ``video/VP8``; compared without case.
        preferred_payload_type: RTP payload type, 0 to 127; a router chooses one if it is None.
        clock_rate: Hz.
        channels: Audio only.
        parameters: Codec parameters as in ``a=fmtp`` (profile-level-id, apt).
        rtcp_feedback: What RTCP feedback is understood.
    """

    kind: MediaKind
    mime_type: str
    preferred_payload_type: int | None = None
    clock_rate: int
    channels: int | None = None
    parameters: CodecParameters = {}
    rtcp_feedback: list[RtcpFeedback] = []


class RtpHeaderExtension(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An RTP header extension that is understood (RFC 8285).

    Attributes:
        kind: For which kind of media.
        uri: The extension's URI.
        preferred_id: Its number in packets, 1 to 14 in the one-byte form.
        preferred_encrypt: Whether it should be encrypted (RFC 6904).
        direction: A router's ``recvonly`` extensions are taken from producers and not given to consumers.
    """

    kind: MediaKind
    uri: str
    preferred_id: int
    preferred_encrypt: bool = False
    direction: Direction = "sendrecv"


class RtpCapabilities(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The codecs and header extensions of a router or of a receiving endpoint."""

    codecs: list[RtpCodecCapability] = []
    header_extensions: list[RtpHeaderExtension] = []
