"""Negotiation of codecs, header extensions and encodings."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.controller import UnsupportedError, get_supported_rtp_capabilities, ortc, to_json
from miso.controller.ortc.validation import validate_rtp_capabilities, validate_rtp_parameters
from miso.controller.types import RtpCapabilities, RtpParameters

OPUS = {"mimeType": "audio/opus", "clockRate": 48000, "channels": 2}
VP8 = {"mimeType": "video/VP8", "clockRate": 90000}
H264 = {
    "mimeType": "video/H264",
    "clockRate": 90000,
    "parameters": {"level-asymmetry-allowed": 1, "packetization-mode": 1, "profile-level-id": "4d0032"},
}
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ORIENTATION = "urn:3gpp:video-orientation"


def codec(mime_type: str, payload_type: int, **rest: Any) -> dict[str, Any]:
    return {"mimeType": mime_type, "payloadType": payload_type, "clockRate": 90000, **rest}


def parameters(*codecs: dict[str, Any], **rest: Any) -> RtpParameters:
    return validate_rtp_parameters({"codecs": codecs, "encodings": [{"ssrc": 1111}], **rest})


def capabilities(*codecs: dict[str, Any], extensions: tuple[tuple[str, int], ...] = ()) -> RtpCapabilities:
    return validate_rtp_capabilities(
        {
            "codecs": codecs,
            "headerExtensions": [{"kind": "video", "uri": uri, "preferredId": number} for uri, number in extensions],
        }
    )


def consumable_of(params: RtpParameters, router: RtpCapabilities, kind: Any = "video") -> RtpParameters:
    matched = ortc.match_producer_codecs(params, router)
    mapping = ortc.get_producer_rtp_parameters_mapping(matched, router)
    return ortc.get_consumable_rtp_parameters(kind, matched, router, mapping)


# ---------------------------------------------------------------- routers


def test_supported_capabilities_are_the_caller_s_to_change() -> None:
    get_supported_rtp_capabilities().codecs.clear()
    supported = get_supported_rtp_capabilities()
    assert len(supported.codecs) == 27
    assert len(supported.header_extensions) == 15


def test_router_takes_free_payload_types_in_turn_and_adds_rtx_for_video() -> None:
    caps = ortc.generate_router_rtp_capabilities([OPUS, {**VP8, "preferredPayloadType": 125}, H264])
    assert [(codec.mime_type, codec.preferred_payload_type) for codec in caps.codecs] == [
        ("audio/opus", 100),
        ("video/VP8", 125),
        ("video/rtx", 101),
        ("video/H264", 102),
        ("video/rtx", 103),
    ]
    assert [codec.parameters.get("apt") for codec in caps.codecs] == [None, None, 125, None, 102]
    assert caps.header_extensions == get_supported_rtp_capabilities().header_extensions


def test_router_merges_parameters_and_keeps_the_supported_feedback() -> None:
    caps = ortc.generate_router_rtp_capabilities(
        [{**OPUS, "parameters": {"useinbandfec": 1, "foo": "bar"}}, {**H264, "rtcpFeedback": []}]
    )
    assert to_json(caps.codecs[0]) == {
        "kind": "audio",
        "mimeType": "audio/opus",
        "preferredPayloadType": 100,
        "clockRate": 48000,
        "channels": 2,
        "parameters": {"useinbandfec": 1, "foo": "bar"},
        "rtcpFeedback": [{"type": "nack", "parameter": ""}, {"type": "transport-cc", "parameter": ""}],
    }
    assert [(fb.type, fb.parameter) for fb in caps.codecs[1].rtcp_feedback] == [
        ("nack", ""),
        ("nack", "pli"),
        ("ccm", "fir"),
        ("goog-remb", ""),
        ("transport-cc", ""),
    ]


def test_router_uses_static_payload_types() -> None:
    caps = ortc.generate_router_rtp_capabilities([{"mimeType": "audio/pcma", "clockRate": 8000}])
    assert [(codec.mime_type, codec.preferred_payload_type) for codec in caps.codecs] == [("audio/PCMA", 8)]


@pytest.mark.parametrize(
    "codec",
    [
        {"mimeType": "audio/chicken", "clockRate": 8000, "channels": 4},
        {**OPUS, "channels": 1},
        {**OPUS, "clockRate": 8000},
        {"mimeType": "audio/multiopus", "clockRate": 48000, "channels": 6, "parameters": {"num_streams": 3}},
    ],
)
def test_router_refuses_codecs_it_does_not_know(codec: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="media codec not supported"):
        ortc.generate_router_rtp_capabilities([codec])


def test_router_needs_a_payload_type_for_each_codec() -> None:
    with pytest.raises(UnsupportedError, match="cannot allocate"):
        ortc.generate_router_rtp_capabilities([OPUS] * 33)
    with pytest.raises(UnsupportedError, match="cannot allocate"):
        ortc.generate_router_rtp_capabilities([VP8] * 17)
    assert len(ortc.generate_router_rtp_capabilities([OPUS] * 32).codecs) == 32


def test_router_needs_different_payload_types() -> None:
    with pytest.raises(TypeError, match="duplicated"):
        ortc.generate_router_rtp_capabilities(
            [{**OPUS, "preferredPayloadType": 100}, {**VP8, "preferredPayloadType": 100}]
        )
    with pytest.raises(TypeError, match="duplicated"):
        ortc.generate_router_rtp_capabilities([OPUS, {**VP8, "preferredPayloadType": 100}])


def test_router_needs_a_list_of_codecs() -> None:
    with pytest.raises(TypeError, match="array"):
        ortc.generate_router_rtp_capabilities("opus")


def test_multiopus_must_have_the_same_streams() -> None:
    surround = {
        "mimeType": "audio/multiopus",
        "clockRate": 48000,
        "channels": 6,
        "parameters": {"channel_mapping": "0,4,1,2,3,5", "num_streams": 4, "coupled_streams": 2},
    }
    router = ortc.generate_router_rtp_capabilities([surround])
    ortc.get_producer_rtp_parameters_mapping(parameters({**surround, "payloadType": 100}), router)
    other = {**surround, "parameters": {"num_streams": 2, "coupled_streams": 2}}
    with pytest.raises(UnsupportedError, match=r"unsupported codec \[mimeType:audio/multiopus, payloadType:100\]"):
        ortc.get_producer_rtp_parameters_mapping(parameters({**other, "payloadType": 100}), router)


# ---------------------------------------------------------------- producers


def test_mapping_names_the_router_s_payload_types_and_consecutive_ssrcs() -> None:
    router = ortc.generate_router_rtp_capabilities([OPUS, H264])
    params = parameters(
        codec("video/H264", 111, parameters={"packetization-mode": 1, "profile-level-id": "4d0032"}),
        codec("video/rtx", 112, parameters={"apt": 111}),
        encodings=[{"ssrc": 11}, {"rid": "high", "scalabilityMode": "L1T3"}],
    )
    mapping = ortc.get_producer_rtp_parameters_mapping(params, router)
    assert [(entry.payload_type, entry.mapped_payload_type) for entry in mapping.codecs] == [(111, 101), (112, 102)]
    first, second = mapping.encodings
    assert (first.ssrc, first.rid, first.scalability_mode) == (11, None, None)
    assert (second.ssrc, second.rid, second.scalability_mode) == (None, "high", "L1T3")
    assert second.mapped_ssrc == first.mapped_ssrc + 1


def test_mapping_refuses_rtx_without_its_codec() -> None:
    router = ortc.generate_router_rtp_capabilities([VP8])
    params = parameters(codec("video/VP8", 111), codec("video/rtx", 112, parameters={"apt": 110}))
    with pytest.raises(TypeError, match="missing media codec found for RTX PT 112"):
        ortc.get_producer_rtp_parameters_mapping(params, router)


def test_mapping_refuses_rtx_that_the_capabilities_lack() -> None:
    router = capabilities({**VP8, "preferredPayloadType": 100})
    params = parameters(codec("video/VP8", 111), codec("video/rtx", 112, parameters={"apt": 111}))
    with pytest.raises(UnsupportedError, match="no RTX codec for capability codec PT 100"):
        ortc.get_producer_rtp_parameters_mapping(params, router)


@pytest.mark.parametrize(
    ("offered", "accepted"),
    [
        ({"packetization-mode": 1, "profile-level-id": "4d0032"}, True),
        ({"packetization-mode": 1, "profile-level-id": "4d001f"}, True),
        ({"packetization-mode": 0, "profile-level-id": "4d0032"}, False),
        ({"packetization-mode": 1, "profile-level-id": "640032"}, False),
        ({"packetization-mode": 1}, False),
        ({"packetization-mode": 1, "profile-level-id": "chicken"}, False),
    ],
)
def test_h264_must_have_the_same_packetization_mode_and_profile(offered: dict[str, Any], accepted: bool) -> None:
    router = ortc.generate_router_rtp_capabilities([H264])
    params = parameters(codec("video/h264", 111, parameters=offered))
    if accepted:
        ortc.get_producer_rtp_parameters_mapping(params, router)
    else:
        with pytest.raises(UnsupportedError):
            ortc.get_producer_rtp_parameters_mapping(params, router)


def test_h264_producer_gets_the_negotiated_level() -> None:
    router = ortc.generate_router_rtp_capabilities([H264])
    offered = {"packetization-mode": 1, "profile-level-id": "4d0034"}
    consumable = consumable_of(parameters(codec("video/H264", 111, parameters=offered)), router)
    assert consumable.codecs[0].parameters["profile-level-id"] == "4d0032"


def test_h264_without_profile_level_ids_stays_without() -> None:
    router = ortc.generate_router_rtp_capabilities([{"mimeType": "video/H264", "clockRate": 90000}])
    matched = ortc.match_producer_codecs(parameters(codec("video/H264", 111)), router)
    assert "profile-level-id" not in matched.codecs[0].parameters


@pytest.mark.parametrize(
    ("router_id", "producer_id", "accepted"), [(2, 2, True), (2, None, False), (2, "2", False), (None, 0, True)]
)
def test_vp9_must_have_the_same_profile_in_the_same_type(router_id: Any, producer_id: Any, accepted: bool) -> None:
    def with_profile(profile_id: Any) -> dict[str, Any]:
        return {} if profile_id is None else {"parameters": {"profile-id": profile_id}}

    router = ortc.generate_router_rtp_capabilities(
        [{"mimeType": "video/VP9", "clockRate": 90000, **with_profile(router_id)}]
    )
    params = parameters(codec("video/VP9", 98, **with_profile(producer_id)))
    if accepted:
        ortc.get_producer_rtp_parameters_mapping(params, router)
    else:
        with pytest.raises(UnsupportedError):
            ortc.get_producer_rtp_parameters_mapping(params, router)


def test_consumable_parameters_have_the_router_s_numbers_and_the_producer_s_settings() -> None:
    router = ortc.generate_router_rtp_capabilities([OPUS, VP8])
    params = parameters(
        codec("video/vp8", 111, parameters={"x-google-start-bitrate": 1500}, rtcpFeedback=[{"type": "lalala"}]),
        encodings=[
            {"rid": "low", "rtx": {"ssrc": 2}, "codecPayloadType": 111, "maxBitrate": 1000, "scalabilityMode": "L1T3"}
        ],
        rtcp={"cname": "abc"},
    )
    consumable = consumable_of(params, router)
    assert [(entry.mime_type, entry.payload_type) for entry in consumable.codecs] == [
        ("video/VP8", 101),
        ("video/rtx", 102),
    ]
    assert consumable.codecs[0].parameters == {"x-google-start-bitrate": 1500}
    assert consumable.codecs[0].rtcp_feedback == router.codecs[1].rtcp_feedback
    (encoding,) = consumable.encodings
    assert (encoding.rid, encoding.rtx, encoding.codec_payload_type) == (None, None, None)
    assert (encoding.max_bitrate, encoding.scalability_mode) == (1000, "L1T3")
    assert encoding.ssrc is not None
    assert to_json(consumable.rtcp) == {"cname": "abc", "reducedSize": True, "mux": True}
    # Not rid and repaired-rid, which only enter the router.
    assert [ext.id for ext in consumable.header_extensions] == [1, 4, 5, 6, 7, 11, 12, 13]


def test_consumable_audio_has_no_transport_wide_sequence_numbers() -> None:
    router = ortc.generate_router_rtp_capabilities([OPUS])
    consumable = consumable_of(parameters({**OPUS, "payloadType": 111}), router, "audio")
    assert [ext.id for ext in consumable.header_extensions] == [1, 4, 10, 13]


# ---------------------------------------------------------------- consumers

ROUTER = ortc.generate_router_rtp_capabilities([OPUS, VP8])
SENT = parameters(
    codec("video/VP8", 96),
    codec("video/rtx", 97, parameters={"apt": 96}),
    encodings=[{"ssrc": 1, "maxBitrate": 300}, {"ssrc": 2, "maxBitrate": 200}],
    rtcp={"cname": "abc"},
)
FEEDBACK = [
    {"type": "nack"},
    {"type": "nack", "parameter": "pli"},
    {"type": "ccm", "parameter": "fir"},
    {"type": "goog-remb"},
    {"type": "transport-cc"},
    {"type": "foo", "parameter": "FOO"},
]
REMOTE_VP8 = {**VP8, "preferredPayloadType": 101, "rtcpFeedback": FEEDBACK}
REMOTE_RTX = {
    "mimeType": "video/rtx",
    "clockRate": 90000,
    "preferredPayloadType": 102,
    "parameters": {"apt": 101},
}


def consume(remote: RtpCapabilities, *, pipe: bool = False, enable_rtx: bool = True) -> RtpParameters:
    return ortc.get_consumer_rtp_parameters(
        consumable=consumable_of(SENT, ROUTER), remote_capabilities=remote, pipe=pipe, enable_rtx=enable_rtx
    )


def feedback_types(params: RtpParameters) -> list[str]:
    return [f"{fb.type} {fb.parameter}".strip() for fb in params.codecs[0].rtcp_feedback]


def test_consumer_has_one_encoding_for_all_of_the_producer() -> None:
    params = consume(capabilities(REMOTE_VP8, REMOTE_RTX))
    (encoding,) = params.encodings
    assert encoding.ssrc is not None
    assert encoding.rtx is not None
    assert encoding.rtx.ssrc == encoding.ssrc + 1
    assert (encoding.scalability_mode, encoding.max_bitrate) == ("L2T1", 300)
    assert params.rtcp is not None
    assert params.rtcp.cname == "abc"


def test_consumer_keeps_the_temporal_layers_of_simulcast() -> None:
    sent = parameters(codec("video/VP8", 96), encodings=[{"ssrc": n, "scalabilityMode": "L1T3"} for n in (1, 2, 3)])
    params = ortc.get_consumer_rtp_parameters(
        consumable=consumable_of(sent, ROUTER),
        remote_capabilities=capabilities(REMOTE_VP8),
        pipe=False,
        enable_rtx=True,
    )
    assert params.encodings[0].scalability_mode == "L3T3"


def test_consumer_keeps_the_mode_of_a_single_encoding() -> None:
    sent = parameters(codec("video/VP8", 96), encodings=[{"ssrc": 1, "scalabilityMode": "L3T3_KEY"}])
    params = ortc.get_consumer_rtp_parameters(
        consumable=consumable_of(sent, ROUTER),
        remote_capabilities=capabilities(REMOTE_VP8),
        pipe=False,
        enable_rtx=True,
    )
    assert params.encodings[0].scalability_mode == "L3T3_KEY"
    assert params.encodings[0].max_bitrate is None


def test_pipe_consumer_keeps_all_encodings() -> None:
    params = consume(capabilities(REMOTE_VP8, REMOTE_RTX), pipe=True)
    first, second = params.encodings
    assert first.ssrc is not None
    assert second.ssrc == first.ssrc + 1
    assert first.rtx is not None
    assert second.rtx is not None
    assert first.rtx.ssrc is not None
    assert second.rtx.ssrc == first.rtx.ssrc + 1


@pytest.mark.parametrize(
    ("extensions", "types"),
    [
        (((TRANSPORT_CC, 5), (ABS_SEND_TIME, 4)), ["nack", "nack pli", "ccm fir", "transport-cc", "foo FOO"]),
        (((ABS_SEND_TIME, 4),), ["nack", "nack pli", "ccm fir", "goog-remb", "foo FOO"]),
        ((), ["nack", "nack pli", "ccm fir", "foo FOO"]),
    ],
)
def test_consumer_uses_one_kind_of_bandwidth_estimation(extensions: Any, types: list[str]) -> None:
    params = consume(capabilities(REMOTE_VP8, REMOTE_RTX, extensions=extensions))
    assert feedback_types(params) == types
    assert {(ext.uri, ext.id) for ext in params.header_extensions} == set(extensions)


def test_consumer_takes_only_extensions_with_the_router_s_number() -> None:
    params = consume(capabilities(REMOTE_VP8, extensions=((MID, 1), (ORIENTATION, 9), ("urn:foo", 4))))
    assert [(ext.uri, ext.id) for ext in params.header_extensions] == [(MID, 1)]


def test_consumer_without_rtx_has_no_nack() -> None:
    params = consume(capabilities(REMOTE_VP8, REMOTE_RTX), enable_rtx=False)
    assert [entry.mime_type for entry in params.codecs] == ["video/VP8"]
    assert feedback_types(params) == ["nack pli", "ccm fir", "foo FOO"]
    assert params.encodings[0].rtx is None


def test_consumer_of_an_endpoint_without_rtx_keeps_nack() -> None:
    params = consume(capabilities(REMOTE_VP8))
    assert [entry.mime_type for entry in params.codecs] == ["video/VP8"]
    assert "nack" in feedback_types(params)
    assert params.encodings[0].rtx is None


def test_consumer_drops_rtx_of_a_codec_that_does_not_match() -> None:
    router = ortc.generate_router_rtp_capabilities([VP8, {"mimeType": "video/VP9", "clockRate": 90000}])
    sent = parameters(codec("video/VP9", 98), codec("video/VP8", 96))
    params = ortc.get_consumer_rtp_parameters(
        consumable=consumable_of(sent, router),
        remote_capabilities=capabilities(REMOTE_VP8, REMOTE_RTX),
        pipe=False,
        enable_rtx=True,
    )
    assert [entry.parameters.get("apt") for entry in params.codecs] == [None, 100]


@pytest.mark.parametrize("codecs", [(), (REMOTE_RTX,), ({**OPUS, "preferredPayloadType": 100},)])
def test_consumer_needs_a_common_codec(codecs: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(UnsupportedError, match="no compatible media codecs"):
        consume(capabilities(*codecs))
    assert not ortc.can_consume(consumable_of(SENT, ROUTER), capabilities(*codecs))


def test_can_consume_with_a_common_codec() -> None:
    consumable = consumable_of(SENT, ROUTER)
    assert ortc.can_consume(consumable, {"codecs": [REMOTE_VP8]})
    with pytest.raises(TypeError, match="caps is not an object"):
        ortc.can_consume(consumable, "chicken")


# Codecs of a producer that may stand beside each other, each with an RTX of its own.
PROFILES = [
    codec("video/H264", 0, parameters={"packetization-mode": mode, "profile-level-id": profile})
    for mode in (0, 1)
    for profile in ("42e01f", "4d0032", "640c1f")
]
CHOICES = [*PROFILES, codec("video/VP8", 0), codec("video/vp8", 0), codec("video/VP9", 0)]
RTX = st.fixed_dictionaries(
    {"mimeType": st.sampled_from(["video/rtx", "video/RTX"]), "kind": st.just("video"), "clockRate": st.just(90000)},
    optional={"preferredPayloadType": st.just(119), "parameters": st.just({}) | st.just({"apt": 100})},
)


def with_rtx(codecs: list[dict[str, Any]]) -> RtpParameters:
    numbered = [{**entry, "payloadType": 96 + 2 * index} for index, entry in enumerate(codecs)]
    repairs = [codec("video/rtx", 97 + 2 * index, parameters={"apt": 96 + 2 * index}) for index in range(len(codecs))]
    return parameters(*numbered, *repairs)


def can_be_made(consumable: RtpParameters, remote: RtpCapabilities, *, pipe: bool, enable_rtx: bool) -> bool:
    try:
        ortc.get_consumer_rtp_parameters(
            consumable=consumable, remote_capabilities=remote, pipe=pipe, enable_rtx=enable_rtx
        )
    except UnsupportedError:
        return False
    return True


@pytest.mark.parametrize("order", list(permutations(("video/H264", "video/VP8", "video/VP9"))))
@pytest.mark.parametrize("known", ["video/H264", "video/VP8", "video/VP9"])
def test_an_endpoint_that_knows_any_of_the_codecs_can_consume(order: tuple[str, ...], known: str) -> None:
    settings = {"parameters": {"packetization-mode": 1, "profile-level-id": "4d0032"}}
    codecs = [codec(mime_type, 0, **(settings if mime_type == "video/H264" else {})) for mime_type in order]
    router = ortc.generate_router_rtp_capabilities([H264, VP8, {"mimeType": "video/VP9", "clockRate": 90000}])
    consumable = consumable_of(with_rtx(codecs), router)
    # the endpoint's numbers are the router's, as mediasoup-client says them
    media = next(entry for entry in router.codecs if entry.mime_type == known)
    number = media.preferred_payload_type
    repair = next(entry for entry in router.codecs if entry.parameters.get("apt") == number)
    remote = RtpCapabilities(codecs=[media, repair])
    assert ortc.can_consume(consumable, to_json(remote))
    params = ortc.get_consumer_rtp_parameters(
        consumable=consumable, remote_capabilities=remote, pipe=False, enable_rtx=True
    )
    assert [(entry.payload_type, entry.parameters.get("apt")) for entry in params.codecs] == [
        (number, None),
        (repair.preferred_payload_type, number),
    ]


@given(
    sent=st.lists(st.sampled_from(CHOICES), min_size=1, max_size=4, unique_by=str),
    known=st.lists(st.sampled_from(CHOICES), max_size=3),
    repairs=st.lists(RTX, max_size=2),
    rtx_first=st.booleans(),
    repairs_first=st.booleans(),
)
def test_can_consume_says_what_consume_does(
    sent: list[dict[str, Any]],
    known: list[dict[str, Any]],
    repairs: list[dict[str, Any]],
    rtx_first: bool,
    repairs_first: bool,
) -> None:
    media = [{key: value for key, value in entry.items() if key != "payloadType"} for entry in CHOICES]
    router = ortc.generate_router_rtp_capabilities([entry for entry in media if entry["mimeType"] != "video/vp8"])
    consumable = consumable_of(with_rtx(sent), router)
    if rtx_first:
        consumable.codecs.reverse()
    endpoint = [{key: value for key, value in entry.items() if key != "payloadType"} for entry in known]
    remote = capabilities(*(repairs + endpoint if repairs_first else endpoint + repairs))
    can = ortc.can_consume(consumable, remote)
    for pipe in (False, True):
        for enable_rtx in (False, True):
            assert can_be_made(consumable, remote, pipe=pipe, enable_rtx=enable_rtx) == can


@pytest.mark.parametrize("enable_rtx", [True, False])
def test_pipe_transport_s_consumer_takes_everything_but_bandwidth_estimation(enable_rtx: bool) -> None:
    params = ortc.get_pipe_consumer_rtp_parameters(consumable=consumable_of(SENT, ROUTER), enable_rtx=enable_rtx)
    assert len(params.codecs) == (2 if enable_rtx else 1)
    assert feedback_types(params) == (["nack"] if enable_rtx else []) + ["nack pli", "ccm fir"]
    assert [ext.id for ext in params.header_extensions] == [6, 7, 11, 12, 13]
    first, second = params.encodings
    assert first.ssrc is not None
    assert second.ssrc == first.ssrc + 1
    assert (first.rtx is not None) == enable_rtx
    assert (first.max_bitrate, second.max_bitrate) == (300, 200)
    assert params.mid is None
