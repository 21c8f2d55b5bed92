"""Which codecs are the same, and which RTX codec belongs to which."""

from __future__ import annotations

from collections.abc import Iterable

from miso.controller.errors import UnsupportedError
from miso.controller.ortc import h264_profile_level_id
from miso.controller.rtp_capabilities import RtpCapabilities, RtpCodecCapability
from miso.worker.channel.bodies.rtp import CodecParameters, RtpCodecParameters

Codec = RtpCodecCapability | RtpCodecParameters

_H264 = ("video/h264", "video/h264-svc")


def capability_of(codec: RtpCodecParameters, caps: RtpCapabilities) -> RtpCodecCapability:
    """The capability that a producer's codec falls under.

    Raises:
        UnsupportedError: There is none.
    """
    capability = find_codec(caps.codecs, codec, strict=True)
    if capability is None:
        raise UnsupportedError(f"unsupported codec [mimeType:{codec.mime_type}, payloadType:{codec.payload_type}]")
    return capability


def find_codec(
    capabilities: Iterable[RtpCodecCapability], codec: Codec, *, strict: bool = False
) -> RtpCodecCapability | None:
    """The first capability that is the same codec.

    Args:
        capabilities: Where to look.
        codec: What to look for.
        strict: Compare the parameters by which H264 and VP9 differ on the wire, too. Not for the codecs that an
            application wants of its router: those are what is supported, with parameters of its choice.
    """
    return next((entry for entry in capabilities if _matches(codec, entry, strict=strict)), None)


def _matches(one: Codec, other: Codec, *, strict: bool) -> bool:
    mime_type = one.mime_type.lower()
    if (mime_type, one.clock_rate, one.channels) != (other.mime_type.lower(), other.clock_rate, other.channels):
        return False
    if mime_type == "audio/multiopus":
        return all(one.parameters.get(key) == other.parameters.get(key) for key in ("num_streams", "coupled_streams"))
    if not strict:
        return True
    if mime_type in _H264:
        return _same_parameter("packetization-mode", one, other) and h264_profile_level_id.is_same_profile(
            one.parameters, other.parameters
        )
    if mime_type == "video/vp9":
        return _same_parameter("profile-id", one, other)
    return True


def _same_parameter(name: str, one: Codec, other: Codec) -> bool:
    """Compares value and type (2 is not "2"), as endpoints do; what is not given is 0."""
    return (one.parameters.get(name) or 0) == (other.parameters.get(name) or 0)


def h264_answer(codec: RtpCodecParameters, capability: RtpCodecCapability) -> CodecParameters | None:
    """The parameters with the negotiated profile-level-id; None for any other codec."""
    if codec.mime_type.lower() not in _H264:
        return None
    parameters = dict(codec.parameters)
    answer = h264_profile_level_id.profile_level_id_for_answer(codec.parameters, capability.parameters)
    if answer is None:
        parameters.pop("profile-level-id", None)
    else:
        parameters["profile-level-id"] = answer
    return parameters


def rtx_of(capabilities: Iterable[RtpCodecCapability], payload_type: int | None) -> RtpCodecCapability | None:
    """The RTX codec that repairs a payload type."""
    return next((entry for entry in capabilities if is_rtx(entry) and apt_of(entry) == payload_type), None)


def is_rtx(codec: Codec) -> bool:
    """Whether it carries another codec's retransmissions (RFC 4588)."""
    return codec.mime_type.lower().endswith("/rtx")


def apt_of(codec: Codec) -> int | None:
    """The payload type an RTX codec repairs (RFC 4588 section 8.1)."""
    apt = codec.parameters.get("apt")
    return apt if isinstance(apt, int) else None
