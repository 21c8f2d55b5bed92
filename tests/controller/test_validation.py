"""Capabilities and parameters as browsers send them: what is missing, invalid, or filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from miso.controller import to_json
from miso.controller.ortc import validation as v

CODEC = {"mimeType": "audio/opus", "clockRate": 48000, "payloadType": 100}
EXT = {"kind": "audio", "uri": "urn:x", "preferredId": 1, "id": 1}
SCTP = {"port": 5000, "OS": 1, "MIS": 2, "maxMessageSize": 3}


def without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


@pytest.mark.parametrize(
    ("validate", "data", "message"),
    [
        (v.validate_rtp_capabilities, "chicken", "caps is not an object"),
        (v.validate_rtp_capabilities, {"codecs": "chicken"}, "caps.codecs is not an array"),
        (v.validate_rtp_capabilities, {"headerExtensions": 1}, "caps.headerExtensions is not an array"),
        (v.validate_rtp_codec_capability, None, "codec is not an object"),
        (v.validate_rtp_codec_capability, without(CODEC, "mimeType"), "missing codec.mimeType"),
        (v.validate_rtp_codec_capability, {**CODEC, "mimeType": "chicken/opus"}, "invalid codec.mimeType"),
        (v.validate_rtp_codec_capability, {**CODEC, "preferredPayloadType": "1"}, "invalid codec.preferredPayloadType"),
        (v.validate_rtp_codec_capability, without(CODEC, "clockRate"), "missing codec.clockRate"),
        (v.validate_rtp_codec_capability, {**CODEC, "clockRate": True}, "missing codec.clockRate"),
        (v.validate_rtp_codec_capability, {**CODEC, "parameters": {"a": []}}, r"invalid codec parameter \[key:a"),
        (v.validate_rtp_codec_capability, {**CODEC, "parameters": {"apt": "1"}}, "invalid codec apt parameter"),
        (v.validate_rtp_codec_capability, {**CODEC, "rtcpFeedback": [1]}, "fb is not an object"),
        (v.validate_rtp_codec_capability, {**CODEC, "channels": 1.5}, "invalid codec.channels"),
        (v.validate_rtp_encoding_parameters, {"rid": []}, "invalid encoding.rid"),
        (v.validate_rtp_encoding_parameters, {"rtx": {}}, "missing encoding.rtx.ssrc"),
        (v.validate_rtp_capabilities, {"codecs": {}}, "caps.codecs is not an array"),
        (v.validate_rtcp_feedback, {"parameter": "pli"}, "missing fb.type"),
        (v.validate_rtp_header_extension, 1, "ext is not an object"),
        (v.validate_rtp_header_extension, {**EXT, "kind": "chicken"}, "invalid ext.kind"),
        (v.validate_rtp_header_extension, without(EXT, "uri"), "missing ext.uri"),
        (v.validate_rtp_header_extension, without(EXT, "preferredId"), "missing ext.preferredId"),
        (v.validate_rtp_header_extension, {**EXT, "preferredEncrypt": 1}, "invalid ext.preferredEncrypt"),
        (v.validate_rtp_header_extension, {**EXT, "direction": 1}, "invalid ext.direction"),
        (v.validate_rtp_parameters, [], "params is not an object"),
        (v.validate_rtp_parameters, {"mid": 1}, "params.mid is not a string"),
        (v.validate_rtp_parameters, {}, "missing params.codecs"),
        (v.validate_rtp_parameters, {"codecs": [], "headerExtensions": 1}, "params.headerExtensions is not an array"),
        (v.validate_rtp_parameters, {"codecs": [], "encodings": 1}, "params.encodings is not an array"),
        (v.validate_rtp_parameters, {"codecs": [], "rtcp": 1}, "params.rtcp is not an object"),
        (v.validate_rtp_codec_parameters, without(CODEC, "payloadType"), "missing codec.payloadType"),
        (v.validate_rtp_header_extension_parameters, without(EXT, "id"), "missing ext.id"),
        (v.validate_rtp_header_extension_parameters, {**EXT, "encrypt": 1}, "invalid ext.encrypt"),
        (v.validate_rtp_header_extension_parameters, {**EXT, "parameters": {"a": None}}, "invalid header extension"),
        (v.validate_rtp_encoding_parameters, 1, "encoding is not an object"),
        (v.validate_rtp_encoding_parameters, {"ssrc": "1"}, "invalid encoding.ssrc"),
        (v.validate_rtp_encoding_parameters, {"rid": 1}, "invalid encoding.rid"),
        (v.validate_rtp_encoding_parameters, {"rtx": 1}, "invalid encoding.rtx"),
        (v.validate_rtp_encoding_parameters, {"rtx": {"foo": 1}}, "missing encoding.rtx.ssrc"),
        (v.validate_rtp_encoding_parameters, {"scalabilityMode": 1}, "invalid encoding.scalabilityMode"),
        (v.validate_rtcp_parameters, 1, "rtcp is not an object"),
        (v.validate_rtcp_parameters, {"cname": 1}, "invalid rtcp.cname"),
        (v.validate_sctp_capabilities, 1, "caps is not an object"),
        (v.validate_sctp_capabilities, {}, "missing caps.numStreams"),
        (v.validate_num_sctp_streams, 1, "numStreams is not an object"),
        (v.validate_num_sctp_streams, {"MIS": 1}, "missing numStreams.OS"),
        (v.validate_num_sctp_streams, {"OS": 1}, "missing numStreams.MIS"),
        (v.validate_sctp_parameters, 1, "params is not an object"),
        *((v.validate_sctp_parameters, without(SCTP, key), f"missing params.{key}") for key in SCTP),
        (v.validate_sctp_stream_parameters, None, "params is not an object"),
        (v.validate_sctp_stream_parameters, {}, "missing params.streamId"),
        (v.validate_sctp_stream_parameters, {"streamId": 1, "maxRetransmits": "1"}, "invalid params.maxRetransmits"),
        (
            v.validate_sctp_stream_parameters,
            {"streamId": 1, "maxPacketLifeTime": 1, "maxRetransmits": 1},
            "cannot provide both",
        ),
        (v.validate_sctp_stream_parameters, {"streamId": 1, "ordered": True, "maxRetransmits": 1}, "cannot be ordered"),
    ],
)
def test_refuses(validate: Callable[[object], object], data: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        validate(data)


@pytest.mark.parametrize(
    ("validate", "data", "filled"),
    [
        (v.validate_rtp_capabilities, {}, {"codecs": [], "headerExtensions": []}),
        (
            v.validate_rtp_codec_capability,
            {"mimeType": "AUDIO/opus", "clockRate": 48000.0, "kind": "video"},
            {
                "kind": "audio",
                "mimeType": "AUDIO/opus",
                "clockRate": 48000,
                "channels": 1,
                "parameters": {},
                "rtcpFeedback": [],
            },
        ),
        (
            v.validate_rtp_codec_parameters,
            {
                "mimeType": "video/VP8",
                "payloadType": 0,
                "clockRate": 90000,
                "channels": 2,
                "rtcpFeedback": [{"type": "a"}],
            },
            {
                "mimeType": "video/VP8",
                "payloadType": 0,
                "clockRate": 90000,
                "parameters": {},
                "rtcpFeedback": [{"type": "a", "parameter": ""}],
            },
        ),
        (
            v.validate_rtp_header_extension,
            EXT,
            {"kind": "audio", "uri": "urn:x", "preferredId": 1, "preferredEncrypt": False, "direction": "sendrecv"},
        ),
        (
            v.validate_rtp_header_extension_parameters,
            EXT,
            {"uri": "urn:x", "id": 1, "encrypt": False, "parameters": {}},
        ),
        (
            v.validate_rtp_parameters,
            {"codecs": []},
            {"codecs": [], "headerExtensions": [], "encodings": [], "rtcp": {"reducedSize": True}},
        ),
        (v.validate_rtp_encoding_parameters, {"dtx": 1, "active": True}, {"dtx": False}),
        (v.validate_rtcp_parameters, {"reducedSize": False}, {"reducedSize": True}),
        (v.validate_sctp_parameters, SCTP, SCTP),
        (v.validate_sctp_stream_parameters, {"streamId": 1}, {"streamId": 1, "ordered": True}),
        (
            v.validate_sctp_stream_parameters,
            {"streamId": 1, "maxRetransmits": 3},
            {"streamId": 1, "ordered": False, "maxRetransmits": 3},
        ),
    ],
)
def test_fills_in(validate: Callable[[object], object], data: dict[str, Any], filled: dict[str, Any]) -> None:
    before = repr(data)
    struct = validate(data)
    assert to_json(struct) == filled
    assert repr(data) == before
    assert validate(struct) == struct


@pytest.mark.parametrize(
    ("check", "data", "field"),
    [
        (v.validate_rtcp_parameters, {"cname": "x" * 256}, "rtcp.cname"),
        (v.validate_rtcp_parameters, {"cname": "\u20ac" * 86}, "rtcp.cname"),
        (v.validate_rtcp_parameters, {"cname": "\ud800"}, "rtcp.cname"),
        (v.validate_rtp_parameters, {"mid": "\u20ac" * 86, "codecs": []}, "params.mid"),
        (v.validate_rtp_encoding_parameters, {"rid": "r" * 256}, "encoding.rid"),
        (v.validate_rtp_encoding_parameters, {"ssrc": 1 << 32}, "encoding.ssrc"),
        (v.validate_rtp_encoding_parameters, {"ssrc": -1}, "encoding.ssrc"),
        (v.validate_rtp_encoding_parameters, {"rtx": {"ssrc": 1e30}}, "encoding.rtx.ssrc"),
        (v.validate_rtp_encoding_parameters, {"codecPayloadType": 128}, "encoding.codecPayloadType"),
        (v.validate_rtp_encoding_parameters, {"maxBitrate": float("nan")}, "encoding.maxBitrate"),
        (v.validate_rtp_encoding_parameters, {"maxBitrate": float("inf")}, "encoding.maxBitrate"),
        (v.validate_rtp_header_extension_parameters, {"uri": "u", "id": 0}, "ext.id"),
        (v.validate_rtp_header_extension_parameters, {"uri": "u", "id": 256}, "ext.id"),
        (
            v.validate_rtp_codec_parameters,
            {"mimeType": "video/VP8", "payloadType": 128, "clockRate": 90000},
            "codec.payloadType",
        ),
        (
            v.validate_rtp_codec_parameters,
            {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 0},
            "codec.clockRate",
        ),
        (v.validate_sctp_stream_parameters, {"streamId": 65535}, "params.streamId"),
        (v.validate_sctp_stream_parameters, {"streamId": 1, "maxRetransmits": 65536}, "params.maxRetransmits"),
    ],
)
def test_what_no_packet_can_carry_is_refused_with_its_name(
    check: Callable[[object], object], data: dict[str, Any], field: str
) -> None:
    with pytest.raises(TypeError, match=field):
        check(data)
