"""Which of a producer's encodings a packet of a new SSRC belongs to, and whether its mapping fits the encodings."""

from __future__ import annotations

from collections.abc import Sequence

from miso.worker.channel.bodies.rtp import RtpMapping
from miso.worker.dataplane import MAX_STREAMS, UnknownSsrc
from miso.worker.errors import BodyError
from miso.worker.rtc.rtp_parameters import RtpEncoding, RtpParameters


def find_encoding(encodings: Sequence[RtpEncoding], packet: UnknownSsrc) -> int | None:
    """The index of the encoding whose media or repairs the packet carries, None when it fits none.

    It is found by announced SSRC, else by RID, else when there is one encoding that announces neither.
    """
    for match in (_match_ssrc, _match_rid, _match_only):
        index = match(encodings, packet)
        if index is not None:
            return index
    return None


def check_mapping(parameters: RtpParameters, mapping: RtpMapping) -> None:
    """Raises ``BodyError`` unless there is one entry for each encoding, and each can be told from the others."""
    if len(parameters.encodings) != len(mapping.encodings):
        raise BodyError("rtpParameters.encodings size does not match rtpMapping.encodings size")
    if len(parameters.encodings) > MAX_STREAMS:
        raise BodyError(f"too many rtpParameters.encodings ({len(parameters.encodings)}, at most {MAX_STREAMS})")
    unnamed = any(encoding.ssrc is None and encoding.rid is None for encoding in mapping.encodings)
    if unnamed and len(mapping.encodings) > 1:
        raise BodyError("wrong entry in rtpMapping.encodings (missing ssrc or rid)")
    if unnamed and not parameters.mid:
        raise BodyError("wrong entry in rtpMapping.encodings (missing ssrc or rid, or rtpParameters.mid)")


def _match_ssrc(encodings: Sequence[RtpEncoding], packet: UnknownSsrc) -> int | None:
    for index, encoding in enumerate(encodings):
        is_media, is_rtx = _payload_of(encoding, packet.payload_type)
        if (is_media and encoding.ssrc == packet.ssrc) or (
            is_rtx and encoding.has_rtx and encoding.rtx_ssrc == packet.ssrc
        ):
            return index
    return None


def _match_rid(encodings: Sequence[RtpEncoding], packet: UnknownSsrc) -> int | None:
    for index, encoding in enumerate(encodings):
        is_media, is_rtx = _payload_of(encoding, packet.payload_type)
        rid = packet.rid or packet.repaired_rid
        if is_rtx and packet.repaired_rid:  # its RID is that of the repairs themselves (RFC 8852 section 3)
            rid = packet.repaired_rid
        if rid and encoding.rid == rid and (is_media or is_rtx):
            return index
    return None


def _match_only(encodings: Sequence[RtpEncoding], packet: UnknownSsrc) -> int | None:
    if len(encodings) > 1 or encodings[0].ssrc or encodings[0].rid:
        return None
    return 0 if any(_payload_of(encodings[0], packet.payload_type)) else None


def _payload_of(encoding: RtpEncoding, payload_type: int) -> tuple[bool, bool]:
    """Whether the payload type is the encoding's media, and whether it is its RTX."""
    rtx = encoding.rtx_codec
    return encoding.codec.payload_type == payload_type, rtx is not None and rtx.payload_type == payload_type
