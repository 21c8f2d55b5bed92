"""Checks RTP and SCTP capabilities and parameters, as browsers send them, and gives them their types.

Each function takes plain JSON-like data with camelCase names, or the struct itself, and returns a new struct with every
default filled in. What it is given stays as it is. All of them raise ``TypeError``, saying which field is missing or
invalid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

import msgspec

from miso.controller.rtp_capabilities import (
    Direction,
    MediaKind,
    RtpCapabilities,
    RtpCodecCapability,
    RtpHeaderExtension,
)
from miso.controller.types import SctpCapabilities, SctpParameters
from miso.worker.channel.bodies.base import check_text
from miso.worker.channel.bodies.rtp import (
    CodecParameters,
    RtcpFeedback,
    RtcpParameters,
    RtpCodecParameters,
    RtpEncodingParameters,
    RtpHeaderExtensionParameters,
    RtpParameters,
    RtxParameters,
)
from miso.worker.channel.bodies.transport import NumSctpStreams, SctpStreamParameters

PAYLOAD_TYPES = range(128)  # what the worker takes, so that it is refused here with the field's name
CLOCK_RATES = range(1, 1_000_001)
EXTENSION_IDS = range(1, 256)
STREAM_IDS = range(65535)
UINT16 = range(1 << 16)
UINT32 = range(1 << 32)
_Fields = Mapping[str, object]
_T = TypeVar("_T", str, bool)
_MIME_TYPE = re.compile(r"(audio|video)/.+", re.IGNORECASE | re.DOTALL)


def validate_rtp_capabilities(caps: object) -> RtpCapabilities:
    """Checks RTP capabilities; both of its lists may be missing."""
    fields = _object(caps, "caps")
    return RtpCapabilities(
        codecs=[validate_rtp_codec_capability(codec) for codec in _array(fields, "caps", "codecs")],
        header_extensions=[validate_rtp_header_extension(ext) for ext in _array(fields, "caps", "headerExtensions")],
    )


def validate_rtp_codec_capability(codec: object) -> RtpCodecCapability:
    """Checks a codec capability; its kind follows from the MIME type, channels (audio) default to 1."""
    fields = _object(codec, "codec")
    kind, mime_type = _mime_type(fields)
    payload_type = fields.get("preferredPayloadType")
    if _given(payload_type) and not _is_number(payload_type):
        raise TypeError("invalid codec.preferredPayloadType")
    if _is_number(payload_type):
        _check_range("codec.preferredPayloadType", _integer(payload_type), PAYLOAD_TYPES)
    return RtpCodecCapability(
        kind=kind,
        mime_type=mime_type,
        preferred_payload_type=_integer(payload_type) if _is_number(payload_type) else None,
        clock_rate=_required_integer(fields, "codec", "clockRate", CLOCK_RATES),
        channels=_channels(fields, kind),
        parameters=_codec_parameters(fields),
        rtcp_feedback=_rtcp_feedback(fields),
    )


def validate_rtcp_feedback(fb: object) -> RtcpFeedback:
    """Checks one kind of RTCP feedback; its parameter defaults to the empty text."""
    fields = _object(fb, "fb")
    parameter = fields.get("parameter")
    return RtcpFeedback(
        type=_required_text(fields, "fb", "type"),
        parameter=parameter if isinstance(parameter, str) else "",
    )


def validate_rtp_header_extension(ext: object) -> RtpHeaderExtension:
    """Checks a header extension of capabilities; not encrypted and sendrecv by default."""
    fields = _object(ext, "ext")
    kind = fields.get("kind")
    if kind not in ("audio", "video"):
        raise TypeError("invalid ext.kind")
    direction = _optional(fields, "ext", "direction", str) or "sendrecv"
    return RtpHeaderExtension(
        kind="audio" if kind == "audio" else "video",
        uri=_required_text(fields, "ext", "uri"),
        preferred_id=_required_integer(fields, "ext", "preferredId", EXTENSION_IDS),
        preferred_encrypt=_optional(fields, "ext", "preferredEncrypt", bool) or False,
        direction=cast(Direction, direction),
    )


def validate_rtp_parameters(params: object) -> RtpParameters:
    """Checks RTP parameters; only the list of codecs must be there."""
    fields = _object(params, "params")
    mid = fields.get("mid")
    if _given(mid) and not isinstance(mid, str):
        raise TypeError("params.mid is not a string")
    if not _is_array(fields.get("codecs")):
        raise TypeError("missing params.codecs")
    codecs = [validate_rtp_codec_parameters(codec) for codec in _array(fields, "params", "codecs")]
    extensions = [validate_rtp_header_extension_parameters(ext) for ext in _array(fields, "params", "headerExtensions")]
    encodings = [validate_rtp_encoding_parameters(encoding) for encoding in _array(fields, "params", "encodings")]
    rtcp = fields.get("rtcp")
    if _given(rtcp) and not _is_object(rtcp):
        raise TypeError("params.rtcp is not an object")
    _check_text("params.mid", mid)
    return RtpParameters(
        mid=cast(str, mid) or None,
        codecs=codecs,
        header_extensions=extensions,
        encodings=encodings,
        rtcp=validate_rtcp_parameters(rtcp or {}),
    )


def validate_rtp_codec_parameters(codec: object) -> RtpCodecParameters:
    """Checks a codec of RTP parameters; channels (audio) default to 1."""
    fields = _object(codec, "codec")
    kind, mime_type = _mime_type(fields)
    return RtpCodecParameters(
        mime_type=mime_type,
        payload_type=_required_integer(fields, "codec", "payloadType", PAYLOAD_TYPES),
        clock_rate=_required_integer(fields, "codec", "clockRate", CLOCK_RATES),
        channels=_channels(fields, kind),
        parameters=_codec_parameters(fields),
        rtcp_feedback=_rtcp_feedback(fields),
    )


def validate_rtp_header_extension_parameters(ext: object) -> RtpHeaderExtensionParameters:
    """Checks a header extension of RTP parameters; not encrypted and without parameters by default."""
    fields = _object(ext, "ext")
    parameters = fields.get("parameters")
    return RtpHeaderExtensionParameters(
        uri=_required_text(fields, "ext", "uri"),
        id=_required_integer(fields, "ext", "id", EXTENSION_IDS),
        encrypt=_optional(fields, "ext", "encrypt", bool) or False,
        parameters={
            key: _parameter(value, "invalid header extension parameter")
            for key, value in (_object(parameters, "ext.parameters") if _is_object(parameters) else {}).items()
        },
    )


def validate_rtp_encoding_parameters(encoding: object) -> RtpEncodingParameters:
    """Checks an encoding; nothing in it must be there, except the ssrc of an rtx."""
    fields = _object(encoding, "encoding")
    ssrc = _optional_integer(fields, "encoding", "ssrc", UINT32)
    rid = _optional(fields, "encoding", "rid", str)
    _check_text("encoding.rid", rid)
    rtx = fields.get("rtx")
    if _given(rtx) and not _is_object(rtx):
        raise TypeError("invalid encoding.rtx")
    dtx = fields.get("dtx")
    framerate = fields.get("maxFramerate")
    return RtpEncodingParameters(
        ssrc=ssrc or None,
        rid=rid or None,
        codec_payload_type=_optional_integer(fields, "encoding", "codecPayloadType", PAYLOAD_TYPES),
        rtx=_rtx(_object(rtx, "rtx")) if _given(rtx) else None,
        dtx=dtx if isinstance(dtx, bool) else False,
        scalability_mode=_optional(fields, "encoding", "scalabilityMode", str) or None,
        max_bitrate=_optional_integer(fields, "encoding", "maxBitrate", UINT32),
        max_framerate=float(cast(float, framerate)) if _is_number(framerate) else None,
    )


def validate_rtcp_parameters(rtcp: object) -> RtcpParameters:
    """Checks RTCP parameters; reduced-size RTCP (RFC 5506) is always on."""
    fields = _object(rtcp, "rtcp")
    mux = fields.get("mux")
    cname = _optional(fields, "rtcp", "cname", str)
    _check_text("rtcp.cname", cname)
    return RtcpParameters(
        cname=cname or None,
        reduced_size=True,
        mux=mux if isinstance(mux, bool) else None,
    )


def validate_num_sctp_streams(num_streams: object) -> NumSctpStreams:
    """Checks the numbers of outgoing (OS) and incoming (MIS) SCTP streams; both must be there."""
    fields = _object(num_streams, "numStreams")
    return NumSctpStreams(
        os=_required_integer(fields, "numStreams", "OS"),
        mis=_required_integer(fields, "numStreams", "MIS"),
    )


def validate_sctp_capabilities(caps: object) -> SctpCapabilities:
    """Checks SCTP capabilities; the numbers of streams must be there."""
    fields = _object(caps, "caps")
    if not _is_object(fields.get("numStreams")):
        raise TypeError("missing caps.numStreams")
    return SctpCapabilities(num_streams=validate_num_sctp_streams(fields["numStreams"]))


def validate_sctp_parameters(params: object) -> SctpParameters:
    """Checks the parameters of an SCTP association; all of them must be there."""
    fields = _object(params, "params")
    return SctpParameters(
        port=_required_integer(fields, "params", "port"),
        os=_required_integer(fields, "params", "OS"),
        mis=_required_integer(fields, "params", "MIS"),
        max_message_size=_required_integer(fields, "params", "maxMessageSize"),
    )


def validate_sctp_stream_parameters(params: object) -> SctpStreamParameters:
    """Checks the parameters of an SCTP stream (RFC 8832 section 5.1).

    A stream is ordered unless it says otherwise or is partially reliable.
    """
    fields = _object(params, "params")
    stream_id = _required_integer(fields, "params", "streamId", STREAM_IDS)
    ordered = fields.get("ordered")
    life_time = _optional_integer(fields, "params", "maxPacketLifeTime", UINT16)
    retransmits = _optional_integer(fields, "params", "maxRetransmits", UINT16)
    if life_time and retransmits:
        raise TypeError("cannot provide both maxPacketLifeTime and maxRetransmits")
    partial = bool(life_time or retransmits)
    if ordered is True and partial:
        raise TypeError("cannot be ordered with maxPacketLifeTime or maxRetransmits")
    return SctpStreamParameters(
        stream_id=stream_id,
        ordered=ordered if isinstance(ordered, bool) else not partial,
        max_packet_life_time=life_time,
        max_retransmits=retransmits,
    )


def _rtx(fields: _Fields) -> RtxParameters:
    return RtxParameters(ssrc=_required_integer(fields, "encoding.rtx", "ssrc", UINT32))


def _object(value: object, name: str) -> _Fields:
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is not an object")
    return value


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping | msgspec.Struct)


def _is_array(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(value: object) -> int | None:
    """The value as an int; None for what is no whole number."""
    if not _is_number(value) or not math.isfinite(cast(float, value)) or cast(float, value) % 1 != 0:
        return None
    return int(cast(float, value))


def _given(value: object) -> bool:
    """Whether an optional value counts as given: JavaScript's idea of truth, where an empty array or object does."""
    return bool(value) or _is_object(value) or _is_array(value)


def _array(fields: _Fields, name: str, key: str) -> Sequence[object]:
    value = fields.get(key)
    if not _given(value):
        return ()
    if not _is_array(value):
        raise TypeError(f"{name}.{key} is not an array")
    return cast(Sequence[object], value)


def _required_text(fields: _Fields, name: str, key: str) -> str:
    value = fields.get(key)
    if not value or not isinstance(value, str):
        raise TypeError(f"missing {name}.{key}")
    return value


def _required_integer(fields: _Fields, name: str, key: str, allowed: range | None = None) -> int:
    value = _integer(fields.get(key))
    if value is None:
        raise TypeError(f"missing {name}.{key}")
    _check_range(f"{name}.{key}", value, allowed)
    return value


def _optional_integer(fields: _Fields, name: str, key: str, allowed: range | None = None) -> int | None:
    value = fields.get(key)
    number = _integer(value)
    if _given(value) and number is None:
        raise TypeError(f"invalid {name}.{key}")
    _check_range(f"{name}.{key}", number, allowed)
    return number


def _check_range(name: str, value: int | None, allowed: range | None) -> None:
    if value is not None and allowed is not None and value not in allowed:
        raise TypeError(f"invalid {name}: {value:.7g}, expected {allowed.start} to {allowed.stop - 1}")


def _check_text(name: str, value: object) -> None:
    """What goes into packets with a length of one byte; any text must be UTF-8."""
    if isinstance(value, str):
        try:
            check_text(name, value)
        except TypeError as error:
            raise TypeError(f"invalid {error}") from None


def _optional(fields: _Fields, name: str, key: str, kind: type[_T]) -> _T | None:
    value = fields.get(key)
    if not _given(value):
        return None
    if not isinstance(value, kind):
        raise TypeError(f"invalid {name}.{key}")
    return value


def _mime_type(fields: _Fields) -> tuple[MediaKind, str]:
    mime_type = _required_text(fields, "codec", "mimeType")
    match = _MIME_TYPE.fullmatch(mime_type)
    if match is None:
        raise TypeError("invalid codec.mimeType")
    return "audio" if match[1].lower() == "audio" else "video", mime_type


def _channels(fields: _Fields, kind: MediaKind) -> int | None:
    if kind != "audio":
        return None
    value = fields.get("channels")
    channels = _integer(value) if _is_number(value) else 1
    if channels is None:
        raise TypeError("invalid codec.channels")
    return channels


def _codec_parameters(fields: _Fields) -> CodecParameters:
    parameters = fields.get("parameters")
    if not _is_object(parameters):
        return {}
    checked: CodecParameters = {}
    for key, value in _object(parameters, "codec.parameters").items():
        checked[key] = _parameter(value, f"invalid codec parameter [key:{key}, value:{value}]")
        if key == "apt" and isinstance(value, str):
            raise TypeError("invalid codec apt parameter")
    return checked


def _parameter(value: object, message: str) -> str | int | float:
    if isinstance(value, str) or _is_number(value):
        return cast(str | float, value)
    raise TypeError(message)


def _rtcp_feedback(fields: _Fields) -> list[RtcpFeedback]:
    feedback = fields.get("rtcpFeedback")
    return [validate_rtcp_feedback(fb) for fb in cast(Sequence[object], feedback)] if _is_array(feedback) else []
