"""RTP parameters as the worker needs them: checked, with each encoding's codec found and its layers known.

What arrives in a command is ``miso.worker.channel.bodies.rtp.RtpParameters``; ``RtpParameters.from_body`` checks what
its types cannot say, and ``dump`` gives it back with what was filled in.

Those who join a room are nearly all offered the same codecs and header extensions: what follows from these is found out
once, and shared by all who were offered them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from miso.worker.channel.bodies import rtp as bodies
from miso.worker.channel.bodies.base import RtpType
from miso.worker.channel.bodies.transport import RecvRtpHeaderExtensions
from miso.worker.errors import BodyError
from miso.worker.rtc.extension_uris import ABS_SEND_TIME_URI, MID_URI, REPAIRED_RID_URI, RID_URI, TRANSPORT_WIDE_CC_URI
from miso.worker.rtp.codecs.codec import Codec

# Lower case name → the way it is written in dumps and stats (IANA's spelling).
_AUDIO_CODECS = ("opus", "multiopus", "PCMA", "PCMU", "ISAC", "G722", "iLBC", "SILK", "CN", "telephone-event")
_VIDEO_CODECS = ("VP8", "VP9", "H264", "H264-SVC", "X-H264UC", "H265", "AV1")
_FEATURE_CODECS = ("rtx", "ulpfec", "flexfec", "X-ULPFECUC", "red")
_SPELLINGS = {name.lower(): name for name in (*_AUDIO_CODECS, *_VIDEO_CODECS, *_FEATURE_CODECS)}
_FEATURES = frozenset(name.lower() for name in _FEATURE_CODECS)

_PLANE_CODECS = {
    "opus": Codec.OPUS,
    "multiopus": Codec.OPUS,
    "vp8": Codec.VP8,
    "vp9": Codec.VP9,
    "h264": Codec.H264,
    "h264-svc": Codec.H264,
}
_WITH_KEY_FRAMES = frozenset({"vp8", "vp9", "h264", "h264-svc"})
_CODECS_BY_TYPE = {"simulcast": frozenset({"vp8", "h264"}), "svc": frozenset({"vp9", "h264-svc"})}

_REMEMBERED = 256  # different lists of codecs or header extensions
_CODECS_DECODER = msgspec.json.Decoder(list[bodies.RtpCodecParameters])
_EXTENSIONS_DECODER = msgspec.json.Decoder(list[bodies.RtpHeaderExtensionParameters])

_SCALABILITY_MODE = re.compile(r"[LS]([1-9]\d?)T([1-9]\d?)(_KEY)?")


class ScalabilityMode(NamedTuple):
    """How many layers a stream has (https://www.w3.org/TR/webrtc-svc/): ``L3T3``, ``L2T1_KEY`` and the like."""

    text: str  # empty: nothing was said, or nothing that is known
    spatial_layers: int
    temporal_layers: int
    ksvc: bool  # only key frames of a layer need the layers below it

    @classmethod
    def of(cls, text: str | None) -> ScalabilityMode:
        """Reads it; what makes no sense is one layer."""
        return _scalability_mode(text) if text else _ONE_LAYER


_ONE_LAYER = ScalabilityMode("", 1, 1, False)


@lru_cache(_REMEMBERED)
def _scalability_mode(text: str) -> ScalabilityMode:
    match = _SCALABILITY_MODE.match(text)
    return ScalabilityMode(text, int(match[1]), int(match[2]), bool(match[3])) if match else _ONE_LAYER


@dataclass(frozen=True)
class RtpCodec:
    """One payload type of the parameters."""

    kind: str  # "audio" or "video", of the MIME type
    name: str  # lower case, the MIME subtype
    payload_type: int
    clock_rate: int
    channels: int
    parameters: dict[str, object]
    feedback: tuple[tuple[str, str], ...]  # (type, parameter)

    @cached_property
    def mime_type(self) -> str:
        """As the reference spells it: ``video/H264``."""
        return f"{self.kind}/{_SPELLINGS[self.name]}"

    @cached_property
    def is_media(self) -> bool:
        """Whether it carries media itself, not repair or redundancy."""
        return self.name not in _FEATURES

    @cached_property
    def has_key_frames(self) -> bool:
        """Whether the plane can tell its key frames."""
        return self.name in _WITH_KEY_FRAMES

    @cached_property
    def plane_codec(self) -> Codec:
        """What the plane calls it."""
        return _PLANE_CODECS.get(self.name, Codec.OTHER)

    @cached_property
    def use_nack(self) -> bool:
        """Whether generic NACK was negotiated (RFC 4585)."""
        return ("nack", "") in self.feedback

    @cached_property
    def use_pli(self) -> bool:
        """Whether picture loss indication was negotiated (RFC 4585)."""
        return ("nack", "pli") in self.feedback

    @cached_property
    def use_fir(self) -> bool:
        """Whether full intra request was negotiated (RFC 5104)."""
        return ("ccm", "fir") in self.feedback

    @cached_property
    def use_inband_fec(self) -> bool:
        """Whether the sender adds forward error correction to its Opus packets (RFC 7587)."""
        return self.parameters.get("useinbandfec") == 1

    @cached_property
    def use_dtx(self) -> bool:
        """Whether the sender stops sending in silence (RFC 7587)."""
        return self.parameters.get("usedtx") == 1

    @classmethod
    def from_body(cls, body: bodies.RtpCodecParameters) -> RtpCodec:
        """Raises ``BodyError`` for a MIME type the worker does not know, and RTX without ``apt``."""
        kind, _, name = body.mime_type.lower().partition("/")
        if kind not in ("audio", "video"):
            raise BodyError(f"unknown codec MIME type '{kind}'")
        if name not in _SPELLINGS:
            raise BodyError(f"unknown codec MIME subtype '{name}'")
        apt = body.parameters.get("apt")
        if name == "rtx" and not (isinstance(apt, int) and apt >= 0):
            raise BodyError("missing apt parameter in RTX codec")
        feedback = tuple((entry.type, entry.parameter or "") for entry in body.rtcp_feedback)
        parameters = _known_values(body.parameters)
        return cls(kind, name, body.payload_type, body.clock_rate, body.channels or 1, parameters, feedback)

    def dump(self) -> bodies.RtpCodecDump:
        """As dumps show it."""
        return bodies.RtpCodecDump(
            mime_type=self.mime_type,
            payload_type=self.payload_type,
            clock_rate=self.clock_rate,
            channels=self.channels if self.channels > 1 else None,
            parameters=self.parameters,
            rtcp_feedback=[bodies.RtcpFeedback(type=type_, parameter=parameter) for type_, parameter in self.feedback],
        )


class Codecs(tuple[RtpCodec, ...]):
    """All codecs of the parameters, in their order; one of media is among them."""

    @cached_property
    def default(self) -> RtpCodec:
        """That of encodings that name none."""
        return next(codec for codec in self if codec.is_media)

    @cached_property
    def media_payload_types(self) -> tuple[int, ...]:
        """Those of media."""
        return tuple(codec.payload_type for codec in self if codec.is_media)

    @cached_property
    def rtx_payload_types(self) -> Mapping[int, int]:
        """By the payload type that is repaired (RFC 4588)."""
        apts = ((codec.parameters.get("apt"), codec.payload_type) for codec in self if codec.name == "rtx")
        return MappingProxyType({apt: payload_type for apt, payload_type in apts if isinstance(apt, int)})

    @cached_property
    def feedback_types(self) -> frozenset[str]:
        """Of RTCP feedback that any of them has, whatever its parameter."""
        return frozenset(entry[0] for codec in self for entry in codec.feedback)

    @cached_property
    def _repairing(self) -> dict[int, RtpCodec]:
        """What repairs the codecs of media, by their payload types."""
        found: dict[int, RtpCodec] = {}
        for codec in self:
            apt = codec.parameters.get("apt")
            if not codec.is_media and isinstance(apt, int):
                found.setdefault(apt, codec)
        return found

    def with_payload_type(self, payload_type: int | None) -> RtpCodec:
        """The one that an encoding names, the default when it names none.

        Raises:
            BodyError: There is none, or it is not of media.
        """
        if payload_type is None:
            return self.default
        found = next((codec for codec in self if codec.payload_type == payload_type), None)
        if found is None:
            raise BodyError("unknown codecPayloadType")
        if not found.is_media:
            raise BodyError("invalid codecPayloadType")
        return found

    def rtx_of(self, codec: RtpCodec) -> RtpCodec | None:
        """What repairs it."""
        return self._repairing.get(codec.payload_type)


class HeaderExtensions(NamedTuple):
    """The header extensions in use (RFC 8285)."""

    ids: Mapping[str, int]  # by URI in lower case; the first one when a URI stands twice
    dumps: list[bodies.RtpHeaderExtensionDump]


class RtpEncoding(msgspec.Struct, frozen=True, gc=False):
    """One stream: what identifies it, and what is in it."""

    ssrc: int  # 0: not announced
    rid: str
    codec: RtpCodec
    has_rtx: bool
    rtx_ssrc: int  # 0: not announced
    rtx_codec: RtpCodec | None
    max_bitrate_bps: int
    dtx: bool
    scalability_mode: str
    spatial_layers: int
    temporal_layers: int
    ksvc: bool

    @property
    def use_dtx(self) -> bool:
        """Whether silence may be announced by sending nothing."""
        return self.dtx or self.codec.use_dtx


class RtpParameters(msgspec.Struct, frozen=True, gc=False):
    """The RTP parameters of a producer or consumer."""

    mid: str
    codecs: Codecs
    encodings: tuple[RtpEncoding, ...]
    extensions: HeaderExtensions
    cname: str
    encoding_bodies: list[bodies.RtpEncodingParameters]  # as they were written
    rtcp: bodies.RtcpParameters | None

    @property
    def type(self) -> RtpType:
        """``simple``, ``simulcast`` or ``svc``, as the number of encodings and their layers say.

        Raises:
            BodyError: The codec cannot be forwarded that way.
        """
        codec = self.encodings[0].codec
        layers = self.encodings[0].spatial_layers, self.encodings[0].temporal_layers
        if len(self.encodings) == 1 and layers == (1, 1):
            return "simple"
        if len(self.encodings) == 1 and supports_type(codec, "svc"):
            return "svc"
        if supports_type(codec, "simulcast"):
            return "simulcast"
        raise BodyError(
            f"{codec.mime_type} codec not supported for {'simulcast' if len(self.encodings) > 1 else 'layers'}"
        )

    @property
    def transport_extensions(self) -> RecvRtpHeaderExtensions:
        """The ids of the extensions that the transport reads of every packet."""
        ids = self.extensions.ids
        return RecvRtpHeaderExtensions(
            mid=ids.get(MID_URI),
            rid=ids.get(RID_URI),
            rrid=ids.get(REPAIRED_RID_URI),
            abs_send_time=ids.get(ABS_SEND_TIME_URI),
            transport_wide_cc_01=ids.get(TRANSPORT_WIDE_CC_URI),
        )

    def dump(self) -> bodies.RtpParametersDump:
        """As ``producer.dump`` and ``consumer.dump`` show them."""
        return bodies.RtpParametersDump(
            mid=self.mid or None,
            codecs=[codec.dump() for codec in self.codecs],
            encodings=[
                encoding_dump(body, encoding.codec.payload_type)
                for body, encoding in zip(self.encoding_bodies, self.encodings, strict=True)
            ],
            header_extensions=self.extensions.dumps,
            rtcp=_rtcp_dump(self.rtcp),
        )

    @classmethod
    def from_body(cls, body: bodies.RtpParameters) -> RtpParameters:
        """Checks and completes the parameters of a command.

        Raises:
            BodyError: An unknown codec, a payload type that stands twice, RTX that repairs nothing, an encoding whose
                codec is not there, simulcast of streams with spatial layers, header extensions that share an id.
        """
        codecs = _codecs_as_written(msgspec.json.encode(body.codecs))
        encodings = tuple([_encoding(encoding, codecs) for encoding in body.encodings])
        if len(encodings) > 1 and any(encoding.spatial_layers > 1 for encoding in encodings):
            raise BodyError("cannot use both simulcast and encodings with multiple SVC spatial layers")
        extensions = _extensions_as_written(msgspec.json.encode(body.header_extensions))
        cname = (body.rtcp.cname if body.rtcp else "") or ""
        return cls(body.mid or "", codecs, encodings, extensions, cname, body.encodings, body.rtcp)


def supports_type(codec: RtpCodec, type_: str) -> bool:
    """Whether streams of the codec can be forwarded as ``simple``, ``simulcast``, ``svc`` or ``pipe``."""
    if type_ in _CODECS_BY_TYPE:
        return codec.kind == "video" and codec.name in _CODECS_BY_TYPE[type_]
    return type_ in ("simple", "pipe")


@lru_cache(_REMEMBERED)
def _codecs_as_written(json: bytes) -> Codecs:
    """The codecs, checked. Raises ``BodyError`` as ``RtpParameters.from_body`` does."""
    codecs = Codecs(RtpCodec.from_body(codec) for codec in _CODECS_DECODER.decode(json))
    _check_codecs(codecs)
    if not any(codec.is_media for codec in codecs):
        raise BodyError("no media codecs found")
    return codecs


@lru_cache(_REMEMBERED)
def _extensions_as_written(json: bytes) -> HeaderExtensions:
    """Likewise."""
    ids: dict[str, int] = {}
    dumps = []
    for extension in _EXTENSIONS_DECODER.decode(json):
        uri = extension.uri.lower()
        ids.setdefault(uri, extension.id)
        parameters = _known_values(extension.parameters)
        encrypt = bool(extension.encrypt)
        dumps.append(bodies.RtpHeaderExtensionDump(uri=uri, id=extension.id, encrypt=encrypt, parameters=parameters))
    if len(set(ids.values())) < len(ids):
        raise BodyError("header extensions with the same id")
    return HeaderExtensions(MappingProxyType(ids), dumps)


def _check_codecs(codecs: Codecs) -> None:
    by_payload_type: dict[int, RtpCodec] = {}
    for codec in codecs:
        if codec.payload_type in by_payload_type:
            raise BodyError("duplicated payloadType")
        by_payload_type[codec.payload_type] = codec
    for codec in codecs:
        if codec.name != "rtx":
            continue
        apt = codec.parameters["apt"]
        repaired = by_payload_type.get(apt) if isinstance(apt, int) else None
        if repaired is None:
            raise BodyError("apt in RTX codec points to a non existing codec")
        if repaired.name in ("rtx", "ulpfec", "flexfec"):
            raise BodyError(f"apt in RTX codec points to a {repaired.name.upper()} codec")


def _encoding(body: bodies.RtpEncodingParameters, codecs: Codecs) -> RtpEncoding:
    codec = codecs.with_payload_type(body.codec_payload_type)
    mode = ScalabilityMode.of(body.scalability_mode)
    rtx = body.rtx
    return RtpEncoding(
        body.ssrc or 0,
        body.rid or "",
        codec,
        has_rtx=rtx is not None,
        rtx_ssrc=(rtx.ssrc or 0) if rtx is not None else 0,
        rtx_codec=codecs.rtx_of(codec),
        max_bitrate_bps=body.max_bitrate or 0,
        dtx=bool(body.dtx),
        scalability_mode=mode.text,
        spatial_layers=mode.spatial_layers,
        temporal_layers=mode.temporal_layers,
        ksvc=mode.ksvc,
    )


def encoding_dump(body: bodies.RtpEncodingParameters, payload_type: int | None) -> bodies.RtpEncodingDump:
    """An encoding as dumps show it, with this ``codecPayloadType`` or none."""
    mode = ScalabilityMode.of(body.scalability_mode)
    return bodies.RtpEncodingDump(
        ssrc=body.ssrc or None,
        rid=body.rid or None,
        codec_payload_type=payload_type,
        rtx=body.rtx,
        max_bitrate=body.max_bitrate or None,
        max_framerate=body.max_framerate or None,
        dtx=body.dtx or None,
        scalability_mode=mode.text or None,
        spatial_layers=mode.spatial_layers if mode.text else None,
        temporal_layers=mode.temporal_layers if mode.text else None,
        ksvc=mode.ksvc if mode.text else None,
    )


def _rtcp_dump(body: bodies.RtcpParameters | None) -> bodies.RtcpDump:
    if body is None:
        return bodies.RtcpDump()
    return bodies.RtcpDump(
        cname=body.cname or None, ssrc=body.ssrc or None, reduced_size=body.reduced_size is not False
    )


def _known_values(parameters: bodies.CodecParameters) -> bodies.CodecParameters:
    """Leaves out what SDP has no form for: null, objects, lists of anything but integers."""
    return {key: value for key, value in parameters.items() if _is_known_value(value)}


def _is_known_value(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(entry, int) and not isinstance(entry, bool) for entry in value)
    return isinstance(value, bool | int | float | str)
