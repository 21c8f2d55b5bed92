"""RTP parameters: what a sender sends, what a receiver gets, and how the router renames between them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .base import Body, ClockRate, ExtensionId, PayloadType, UInt8, UInt32, check_text

CodecParameters = dict[str, object]
"""Codec-specific parameters (``fmtp`` of SDP), e.g. ``apt``: numbers, texts, booleans, lists of numbers."""


class RtcpFeedback(Body, frozen=True, kw_only=True):
    """One kind of RTCP feedback of a codec, e.g. ``nack`` / ``pli`` (RFC 4585 section 4.2)."""

    type: str
    parameter: str | None = ""


class RtpCodecParameters(Body, frozen=True, kw_only=True):
    """A codec of a sender or receiver and its payload type."""

    mime_type: str
    payload_type: PayloadType
    clock_rate: ClockRate
    channels: UInt8 | None = None
    parameters: CodecParameters = msgspec.field(default_factory=dict)
    rtcp_feedback: list[RtcpFeedback] = msgspec.field(default_factory=list)


class RtpHeaderExtensionParameters(Body, frozen=True, kw_only=True):
    """A header extension in use and its id (RFC 8285)."""

    uri: Annotated[str, msgspec.Meta(min_length=1)]
    id: ExtensionId
    encrypt: bool | None = False
    parameters: CodecParameters = msgspec.field(default_factory=dict)


class RtxParameters(Body, frozen=True, kw_only=True):
    """The retransmission stream of an encoding (RFC 4588)."""

    ssrc: UInt32 | None = None


class RtpEncodingParameters(Body, frozen=True, kw_only=True):
    """One encoding: its SSRC or RID, its retransmission stream and its layers (``scalabilityMode``, e.g. ``L1T3``)."""

    ssrc: UInt32 | None = None
    rid: str | None = None
    codec_payload_type: PayloadType | None = None
    rtx: RtxParameters | None = None
    max_bitrate: UInt32 | None = None
    max_framerate: float | None = None
    dtx: bool | None = None
    scalability_mode: str | None = None

    def __post_init__(self) -> None:
        if self.rid is not None:
            check_text("rid", self.rid)


class RtcpParameters(Body, frozen=True, kw_only=True):
    """CNAME and RTCP options of a sender or receiver."""

    cname: str | None = None
    ssrc: UInt32 | None = None
    reduced_size: bool | None = True
    mux: bool | None = None

    def __post_init__(self) -> None:
        if self.cname is not None:
            check_text("cname", self.cname)


class RtpParameters(Body, frozen=True, kw_only=True):
    """All that one producer sends or one consumer gets."""

    codecs: Annotated[list[RtpCodecParameters], msgspec.Meta(min_length=1)]
    encodings: Annotated[list[RtpEncodingParameters], msgspec.Meta(min_length=1)]
    mid: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    header_extensions: list[RtpHeaderExtensionParameters] = msgspec.field(default_factory=list)
    rtcp: RtcpParameters | None = None

    def __post_init__(self) -> None:
        if self.mid is not None:
            check_text("mid", self.mid)


class CodecMapping(Body, frozen=True, kw_only=True):
    """The producer's payload type and the router's."""

    payload_type: PayloadType
    mapped_payload_type: PayloadType


class EncodingMapping(Body, frozen=True, kw_only=True):
    """The producer's encoding, named by SSRC or RID, and the SSRC it has inside the router."""

    mapped_ssrc: UInt32
    ssrc: UInt32 | None = None
    rid: str | None = None
    scalability_mode: str | None = None

    def __post_init__(self) -> None:
        if self.rid is not None:
            check_text("rid", self.rid)


class RtpMapping(Body, frozen=True, kw_only=True):
    """How a producer's stream is renamed when it enters the router."""

    codecs: list[CodecMapping]
    encodings: list[EncodingMapping]


# ---------------------------------------------------------------- as dumped


class RtpCodecDump(Body, frozen=True, kw_only=True):
    """A codec, completed: ``parameters`` and ``rtcpFeedback`` always stand; ``channels`` only above 1."""

    mime_type: str
    payload_type: int
    clock_rate: int
    parameters: CodecParameters
    rtcp_feedback: list[RtcpFeedback]
    channels: int | None = None


class RtpEncodingDump(Body, frozen=True, kw_only=True):
    """An encoding, completed: the layers of its scalability mode stand beside it."""

    ssrc: int | None = None
    rid: str | None = None
    codec_payload_type: int | None = None
    rtx: RtxParameters | None = None
    max_bitrate: int | None = None
    max_framerate: float | None = None
    dtx: bool | None = None
    scalability_mode: str | None = None
    spatial_layers: int | None = None
    temporal_layers: int | None = None
    ksvc: bool | None = None


class RtpHeaderExtensionDump(Body, frozen=True, kw_only=True):
    """A header extension; ``encrypt`` and ``parameters`` always stand."""

    uri: str
    id: int
    encrypt: bool
    parameters: CodecParameters


class RtcpDump(Body, frozen=True, kw_only=True):
    """RTCP parameters; empty when none were given."""

    cname: str | None = None
    ssrc: int | None = None
    reduced_size: bool | None = None


class RtpParametersDump(Body, frozen=True, kw_only=True):
    """RTP parameters as ``producer.dump`` and ``consumer.dump`` show them."""

    codecs: list[RtpCodecDump]
    encodings: list[RtpEncodingDump]
    header_extensions: list[RtpHeaderExtensionDump]
    rtcp: RtcpDump
    mid: str | None = None


class EncodingMappingDump(Body, frozen=True, kw_only=True):
    """An encoding's mapping; ``ssrc`` and ``rid`` are null where absent."""

    ssrc: int | None
    rid: str | None
    mapped_ssrc: int


class RtpMappingDump(Body, frozen=True, kw_only=True):
    """A producer's mapping as ``producer.dump`` shows it."""

    codecs: list[CodecMapping]
    encodings: list[EncodingMappingDump]


# ---------------------------------------------------------------- streams


class RtpStreamParams(Body, frozen=True, kw_only=True):
    """What is fixed about one RTP stream."""

    encoding_idx: int
    ssrc: int
    payload_type: int
    mime_type: str
    clock_rate: int
    cname: str
    use_nack: bool
    use_pli: bool
    use_fir: bool
    use_in_band_fec: bool
    use_dtx: bool
    spatial_layers: int
    temporal_layers: int
    rid: str | None = None
    rtx_ssrc: int | None = None
    rtx_payload_type: int | None = None


class RtxStreamParams(Body, frozen=True, kw_only=True):
    """What is fixed about a retransmission stream."""

    ssrc: int
    payload_type: int
    mime_type: str
    clock_rate: int
    cname: str
    rrid: str | None = None


class RtxStreamDump(Body, frozen=True, kw_only=True):
    """A retransmission stream."""

    params: RtxStreamParams


class RtpStreamDump(Body, frozen=True, kw_only=True):
    """One RTP stream, received or sent; ``score`` is 0..10."""

    params: RtpStreamParams
    score: int
    rtx_stream: RtxStreamDump | None = None


class RtpStreamStats(Body, frozen=True, kw_only=True):
    """Statistics of one RTP stream: ``inbound-rtp`` or ``outbound-rtp``.

    ``timestamp`` is in ms of the monotonic clock, ``bitrate`` in bit/s, ``jitter`` (inbound only) in timestamp units,
    ``round_trip_time`` in ms, ``fraction_lost`` 0..255, ``score`` 0..10; ``bitrate_by_layer`` by "spatial.temporal".
    """

    type: str
    timestamp: int
    ssrc: int
    kind: str
    mime_type: str
    packets_lost: int
    fraction_lost: int
    packets_discarded: int
    packets_retransmitted: int
    packets_repaired: int
    nack_count: int
    nack_packet_count: int
    pli_count: int
    fir_count: int
    score: int
    packet_count: int
    byte_count: int
    bitrate: int
    rid: str | None = None
    rtx_ssrc: int | None = None
    rtx_packets_discarded: int | None = None
    round_trip_time: float | None = None
    jitter: int | None = None
    bitrate_by_layer: dict[str, int] | None = None
