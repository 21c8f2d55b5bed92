"""Negotiation: which codecs, header extensions and encodings a router, a producer and a consumer agree on.

The way of a producer's RTP parameters through a router::

    media codecs of the application ──► router RTP capabilities          generate_router_rtp_capabilities
    producer's RTP parameters ────────► mapping of payload types, SSRCs  get_producer_rtp_parameters_mapping
                               └──────► consumable RTP parameters        get_consumable_rtp_parameters
    consumable + remote capabilities ─► consumer's RTP parameters        get_consumer_rtp_parameters
                                                                         get_pipe_consumer_rtp_parameters

All data is checked and typed before (``validation.py``); nothing given to these functions is changed by them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from miso.controller.errors import UnsupportedError
from miso.controller.ortc.codec_matching import apt_of, capability_of, find_codec, h264_answer, is_rtx, rtx_of
from miso.controller.ortc.supported_rtp_capabilities import SUPPORTED_RTP_CAPABILITIES
from miso.controller.ortc.validation import validate_rtp_capabilities, validate_rtp_codec_capability
from miso.controller.rtp_capabilities import MediaKind, RtpCapabilities, RtpCodecCapability
from miso.controller.scalability_modes import parse_scalability_mode
from miso.worker.channel.bodies.rtp import (
    CodecMapping,
    CodecParameters,
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

_MAX_RTCP_FEEDBACK = 16
"""Kinds of RTCP feedback of one codec that reduced capabilities keep; browsers have six."""

# The dynamic ones of RFC 3551 section 6. 96 to 99 come last: some old endpoints have fixed codecs there.
_DYNAMIC_PAYLOAD_TYPES = (*range(100, 128), *range(96, 100))

_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
_TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


def generate_router_rtp_capabilities(media_codecs: object = ()) -> RtpCapabilities:
    """What a router accepts, given the codecs the application wants.

    Args:
        media_codecs: A sequence of codec capabilities, as plain data or structs.

    Raises:
        TypeError: A codec is malformed, or two have the same payload type.
        UnsupportedError: A codec is not supported, or there are more codecs than payload types.
    """
    if not isinstance(media_codecs, Sequence) or isinstance(media_codecs, str | bytes):
        raise TypeError("media_codecs must be an array")
    free_payload_types = list(_DYNAMIC_PAYLOAD_TYPES)
    codecs: list[RtpCodecCapability] = []
    for media_codec in map(validate_rtp_codec_capability, media_codecs):
        supported = find_codec(SUPPORTED_RTP_CAPABILITIES.codecs, media_codec)
        if supported is None:
            raise UnsupportedError(f"media codec not supported [mimeType:{media_codec.mime_type}]")
        payload_type = media_codec.preferred_payload_type
        if payload_type is None:
            payload_type = supported.preferred_payload_type
        if payload_type is None:
            payload_type = _take(free_payload_types)
        elif payload_type in free_payload_types:
            free_payload_types.remove(payload_type)
        if any(codec.preferred_payload_type == payload_type for codec in codecs):
            raise TypeError("duplicated codec.preferredPayloadType")
        codecs.append(
            replace(
                supported,
                preferred_payload_type=payload_type,
                parameters=supported.parameters | media_codec.parameters,
            )
        )
        if supported.kind == "video":
            codecs.append(
                RtpCodecCapability(
                    kind="video",
                    mime_type="video/rtx",
                    preferred_payload_type=_take(free_payload_types),
                    clock_rate=supported.clock_rate,
                    parameters={"apt": payload_type},
                )
            )
    return RtpCapabilities(codecs=codecs, header_extensions=SUPPORTED_RTP_CAPABILITIES.header_extensions)


def match_producer_codecs(params: RtpParameters, caps: RtpCapabilities) -> RtpParameters:
    """The producer's parameters with its H264 codecs' profile-level-id set to the negotiated one.

    Raises:
        UnsupportedError: The router has no such codec.
    """
    codecs = []
    for codec in params.codecs:
        if not is_rtx(codec):
            answer = h264_answer(codec, capability_of(codec, caps))
            if answer is not None:
                codec = replace(codec, parameters=answer)
        codecs.append(codec)
    return replace(params, codecs=codecs)


def get_producer_rtp_parameters_mapping(params: RtpParameters, caps: RtpCapabilities) -> RtpMapping:
    """How a producer's payload types and encodings become those of its router.

    Args:
        params: The producer's parameters.
        caps: The router's capabilities.

    Raises:
        UnsupportedError: The router has no such codec, or no RTX for it.
        TypeError: An RTX codec belongs to no codec of the parameters.
    """
    matched = {codec.payload_type: capability_of(codec, caps) for codec in params.codecs if not is_rtx(codec)}
    for codec in filter(is_rtx, params.codecs):
        apt = apt_of(codec)
        capability = None if apt is None else matched.get(apt)
        if capability is None or is_rtx(capability):
            raise TypeError(f"missing media codec found for RTX PT {codec.payload_type}")
        payload_type = capability.preferred_payload_type
        rtx = rtx_of(caps.codecs, payload_type)
        if rtx is None:
            raise UnsupportedError(f"no RTX codec for capability codec PT {payload_type}")
        matched[codec.payload_type] = rtx
    first_ssrc = _random_ssrc()
    return RtpMapping(
        codecs=[
            CodecMapping(payload_type=payload_type, mapped_payload_type=_payload_type(capability))
            for payload_type, capability in matched.items()
        ],
        encodings=[
            EncodingMapping(
                ssrc=encoding.ssrc,
                rid=encoding.rid,
                scalability_mode=encoding.scalability_mode,
                mapped_ssrc=first_ssrc + index,
            )
            for index, encoding in enumerate(params.encodings)
        ],
    )


def get_consumable_rtp_parameters(
    kind: MediaKind, params: RtpParameters, caps: RtpCapabilities, mapping: RtpMapping
) -> RtpParameters:
    """A producer's parameters as its router offers them: the router's numbers, the producer's codec settings."""
    mapped = {entry.payload_type: entry.mapped_payload_type for entry in mapping.codecs}
    codecs = []
    for codec in params.codecs:
        if is_rtx(codec):
            continue
        payload_type = mapped[codec.payload_type]
        capability = next(entry for entry in caps.codecs if entry.preferred_payload_type == payload_type)
        codecs.append(_as_parameters(capability, codec.parameters))
        rtx = rtx_of(caps.codecs, payload_type)
        if rtx is not None:
            codecs.append(_as_parameters(rtx, rtx.parameters))
    return RtpParameters(
        codecs=codecs,
        header_extensions=[
            RtpHeaderExtensionParameters(uri=ext.uri, id=ext.preferred_id, encrypt=ext.preferred_encrypt)
            for ext in caps.header_extensions
            if ext.kind == kind and ext.direction in ("sendrecv", "sendonly")
        ],
        encodings=[
            replace(encoding, ssrc=entry.mapped_ssrc, rid=None, rtx=None, codec_payload_type=None)
            for encoding, entry in zip(params.encodings, mapping.encodings, strict=True)
        ],
        rtcp=RtcpParameters(cname=params.rtcp.cname if params.rtcp else None, reduced_size=True, mux=True),
    )


def reduce_rtp_capabilities(remote: RtpCapabilities, router: RtpCapabilities) -> RtpCapabilities:
    """What of an endpoint's capabilities matters to a router's producers: of each codec the first that matches.

    Consuming with the result gives what consuming with ``remote`` gives, at a cost that the endpoint cannot raise.

    Args:
        remote: The endpoint's, of any length.
        router: Those of the router it consumes from.
    """
    media = [codec for codec in remote.codecs if not is_rtx(codec)]
    kept = [find_codec(media, codec, strict=True) for codec in router.codecs if not is_rtx(codec)]
    payload_types = {codec.preferred_payload_type for codec in kept if codec is not None}
    rtx: dict[int | None, RtpCodecCapability] = {}
    for codec in filter(is_rtx, remote.codecs):
        # RTX codecs are compared without what they repair, so that one which repairs none of the kept codecs (None) can
        # be the one that matches.
        rtx.setdefault(apt_of(codec) if apt_of(codec) in payload_types else None, codec)
    chosen = {id(codec) for codec in (*kept, *rtx.values())}
    known = {(ext.preferred_id, ext.uri) for ext in router.header_extensions}
    extensions = {(ext.kind, ext.preferred_id, ext.uri): ext for ext in remote.header_extensions}
    return RtpCapabilities(
        codecs=[
            replace(codec, rtcp_feedback=list(dict.fromkeys(codec.rtcp_feedback))[:_MAX_RTCP_FEEDBACK])
            for codec in remote.codecs
            if id(codec) in chosen
        ],
        header_extensions=[ext for (_, number, uri), ext in extensions.items() if (number, uri) in known],
    )


def can_consume(consumable: RtpParameters, caps: object) -> bool:
    """Whether an endpoint with these capabilities can consume the producer.

    Raises:
        TypeError: The capabilities are malformed.
    """
    remote = validate_rtp_capabilities(caps)
    return bool(_common_codecs(consumable.codecs, remote.codecs))


def get_consumer_rtp_parameters(
    *, consumable: RtpParameters, remote_capabilities: RtpCapabilities, pipe: bool, enable_rtx: bool
) -> RtpParameters:
    """What a consumer sends: the consumable parameters reduced to what the remote endpoint can receive.

    Args:
        consumable: What the router offers of the producer.
        remote_capabilities: What the endpoint can receive.
        pipe: Keep all encodings; else the consumer has one, which stands for all of them.
        enable_rtx: Let the endpoint ask for retransmissions.

    Raises:
        UnsupportedError: The endpoint has none of the codecs.
    """
    codecs = []
    for codec, capability in _common_codecs(consumable.codecs, remote_capabilities.codecs):
        if is_rtx(codec) and not enable_rtx:
            continue
        feedback = [fb for fb in capability.rtcp_feedback if enable_rtx or fb.type != "nack" or fb.parameter]
        codecs.append(replace(codec, rtcp_feedback=feedback))
    if not codecs:
        raise UnsupportedError("no compatible media codecs")

    known = {(ext.preferred_id, ext.uri) for ext in remote_capabilities.header_extensions}
    extensions = [ext for ext in consumable.header_extensions if (ext.id, ext.uri) in known]
    unused = _unused_bandwidth_feedback({ext.uri for ext in extensions})
    codecs = [
        replace(codec, rtcp_feedback=[fb for fb in codec.rtcp_feedback if fb.type not in unused]) for codec in codecs
    ]
    with_rtx = any(map(is_rtx, codecs))
    return RtpParameters(
        codecs=codecs,
        header_extensions=extensions,
        encodings=(
            _numbered_encodings(consumable.encodings, with_rtx=with_rtx)
            if pipe
            else [_single_encoding(consumable.encodings, with_rtx=with_rtx)]
        ),
        rtcp=consumable.rtcp,
    )


def get_pipe_consumer_rtp_parameters(*, consumable: RtpParameters, enable_rtx: bool) -> RtpParameters:
    """What a consumer of a pipe transport sends: everything, except what serves bandwidth estimation.

    Args:
        consumable: What the router offers of the producer.
        enable_rtx: Keep RTX and NACK.
    """
    dropped = (_MID, _ABS_SEND_TIME, _TRANSPORT_CC)
    return RtpParameters(
        codecs=[
            replace(codec, rtcp_feedback=[fb for fb in codec.rtcp_feedback if _is_pipe_feedback(fb, enable_rtx)])
            for codec in consumable.codecs
            if enable_rtx or not is_rtx(codec)
        ],
        header_extensions=[ext for ext in consumable.header_extensions if ext.uri not in dropped],
        encodings=_numbered_encodings(consumable.encodings, with_rtx=enable_rtx),
        rtcp=consumable.rtcp,
    )


def _common_codecs(
    consumable: Iterable[RtpCodecParameters], known: Sequence[RtpCodecCapability]
) -> list[tuple[RtpCodecParameters, RtpCodecCapability]]:
    """The codecs that an endpoint knows, each with its capability; RTX only for a codec that is among them."""
    common = [
        (codec, capability) for codec in consumable if (capability := find_codec(known, codec, strict=True)) is not None
    ]
    repairable = {codec.payload_type for codec, _ in common if not is_rtx(codec)}
    return [(codec, capability) for codec, capability in common if not is_rtx(codec) or apt_of(codec) in repairable]


def _single_encoding(encodings: Sequence[RtpEncodingParameters], *, with_rtx: bool) -> RtpEncodingParameters:
    ssrc = _random_ssrc()
    mode = next((encoding.scalability_mode for encoding in encodings if encoding.scalability_mode), None)
    if len(encodings) > 1:
        # Simulcast: its streams are the consumer's spatial layers.
        mode = f"L{len(encodings)}T{parse_scalability_mode(mode).temporal_layers}"
    return RtpEncodingParameters(
        ssrc=ssrc,
        rtx=RtxParameters(ssrc=ssrc + 1) if with_rtx else None,
        scalability_mode=mode,
        max_bitrate=max((encoding.max_bitrate or 0 for encoding in encodings), default=0) or None,
    )


def _numbered_encodings(encodings: Iterable[RtpEncodingParameters], *, with_rtx: bool) -> list[RtpEncodingParameters]:
    ssrc, rtx_ssrc = _random_ssrc(), _random_ssrc()
    return [
        replace(encoding, ssrc=ssrc + index, rtx=RtxParameters(ssrc=rtx_ssrc + index) if with_rtx else None)
        for index, encoding in enumerate(encodings)
    ]


def with_ssrcs_of(earlier: RtpParameters, params: RtpParameters) -> RtpParameters:
    """A consumer's parameters, with the SSRCs of an earlier one of the same producer.

    Raises:
        TypeError: That one was of another producer.
    """
    encodings = [
        replace(encoding, ssrc=known.ssrc, rtx=known.rtx)
        for encoding, known in zip(params.encodings, earlier.encodings, strict=False)
        if known.ssrc is not None and (known.rtx is None) == (encoding.rtx is None)
    ]
    if not len(encodings) == len(params.encodings) == len(earlier.encodings):
        raise TypeError("ssrcs_of is not of an earlier consumer of this producer")
    return replace(params, encodings=encodings)


def _unused_bandwidth_feedback(extension_uris: set[str]) -> tuple[str, ...]:
    """Bandwidth is estimated from transport-cc if its extension is there, else from REMB, which needs abs-send-time."""
    if _TRANSPORT_CC in extension_uris:
        return ("goog-remb",)
    if _ABS_SEND_TIME in extension_uris:
        return ("transport-cc",)
    return ("transport-cc", "goog-remb")


def _is_pipe_feedback(fb: RtcpFeedback, enable_rtx: bool) -> bool:
    kind = (fb.type, fb.parameter)
    return kind in (("nack", "pli"), ("ccm", "fir")) or (enable_rtx and kind == ("nack", ""))


def _as_parameters(capability: RtpCodecCapability, parameters: CodecParameters) -> RtpCodecParameters:
    return RtpCodecParameters(
        mime_type=capability.mime_type,
        payload_type=_payload_type(capability),
        clock_rate=capability.clock_rate,
        channels=capability.channels,
        parameters=parameters,
        rtcp_feedback=capability.rtcp_feedback,
    )


def _payload_type(capability: RtpCodecCapability) -> int:
    assert capability.preferred_payload_type is not None, "a router's codecs all have a payload type"
    return capability.preferred_payload_type


def _take(free_payload_types: list[int]) -> int:
    if not free_payload_types:
        raise UnsupportedError("cannot allocate more dynamic codec payload types")
    return free_payload_types.pop(0)


def _random_ssrc() -> int:
    """Leaves room for the numbers that follow it."""
    return 100_000_000 + secrets.randbelow(899_999_999)
