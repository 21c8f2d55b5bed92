"""Our negotiation against mediasoup's own, on generated inputs: the same answers, and errors of the same kind."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miso.controller import UnsupportedError, ortc, parse_scalability_mode, to_json
from miso.controller.ortc.validation import validate_rtp_capabilities, validate_rtp_parameters
from miso.controller.types import MediaKind, RtpCapabilities, RtpParameters
from tests.npm_packages import needs_npm

pytestmark = needs_npm

Ask = Callable[..., Any]
JsonObject = dict[str, Any]

GENERATED = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class ReferenceError(Exception):
    """mediasoup raised; ``kind`` is the error's class."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@pytest.fixture(scope="module")
def ask(reference_package: Path) -> Iterator[Ask]:
    """Calls a function of mediasoup's ortc; gives its result and its arguments, which it may have changed."""
    node = subprocess.Popen(
        ["node", "ortc.js"], cwd=reference_package, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    asked, answered = node.stdin, node.stdout
    assert asked is not None
    assert answered is not None

    def call(name: str, *arguments: object) -> tuple[Any, list[Any]]:
        print(json.dumps({"call": name, "with": arguments}), file=asked, flush=True)
        answer = json.loads(answered.readline())
        if "error" in answer:
            raise ReferenceError(answer["error"], answer["message"])
        return answer.get("ok"), answer["with"]

    yield call
    asked.close()
    node.wait(10)
    answered.close()


def plain(value: Any) -> Any:
    """Without what is null, and with whole numbers as such."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_chance(params: JsonObject, *, single: bool = False) -> JsonObject:
    """SSRCs are drawn by lot: only how they follow each other counts."""
    encodings = params.get("encodings") or [{}]
    key = "mappedSsrc" if "mappedSsrc" in encodings[0] else "ssrc"
    first = encodings[0].get(key, 0)
    first_rtx = first if single else encodings[0].get("rtx", {}).get("ssrc", 0)
    for encoding in params.get("encodings", []):
        encoding[key] -= first
        if key == "ssrc" and "rtx" in encoding:
            encoding["rtx"]["ssrc"] -= first_rtx
    return params


def same(ours: Callable[[], object], theirs: Callable[[], Any]) -> Any:
    """What both say; None when both refuse for the same kind of reason, or only we because the worker would."""
    try:
        expected = theirs()
    except ReferenceError as error:
        kinds = {"UnsupportedError": UnsupportedError, "Error": UnsupportedError, "TypeError": TypeError}
        with pytest.raises(kinds[error.kind]):
            ours()
        return None
    try:
        found = ours()
    except TypeError as error:
        if not STRICTER.search(str(error)):
            raise
        return None
    assert plain(to_json(found)) == plain(expected)
    return expected


STRICTER = re.compile(r"expected -?\d+ to \d+$|invalid encoding\.maxBitrate$")
"""What is said of values that the worker would refuse and the reference does not look at."""

# No arrays: to JavaScript they are objects, too.
WRONG = st.sampled_from(["x", 1, True, {}, -1])


def fields(required: JsonObject, optional: JsonObject) -> st.SearchStrategy[JsonObject]:
    """An object with the required fields; seldom one of the fields is of any other type, or missing."""
    whole = st.fixed_dictionaries(required, optional=optional)
    keys = [*required, *optional]
    broken = st.builds(
        lambda value, key, wrong: {**value, key: wrong}, whole, st.sampled_from(keys), WRONG
    ) | st.builds(lambda value, key: {k: v for k, v in value.items() if k != key}, whole, st.sampled_from(keys))
    return st.integers(0, 60).flatmap(lambda chance: broken if chance == 60 else whole)


def lists(of: st.SearchStrategy[JsonObject], largest: int, smallest: int = 0) -> st.SearchStrategy[list[JsonObject]]:
    return st.lists(of, min_size=smallest, max_size=largest)


PROFILES = st.sampled_from(["42e01f", "4d0032", "42001f", "640c1f", "42100b", "42e034", "nonsense"])
FEEDBACK = fields(
    {"type": st.sampled_from(["nack", "ccm", "goog-remb", "transport-cc"])},
    {"parameter": st.sampled_from(["", "pli", "fir"])},
)
URIS = {
    1: "urn:ietf:params:rtp-hdrext:sdes:mid",
    4: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    5: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    11: "urn:3gpp:video-orientation",
}
PARAMETERS = {
    "video/h264": fields(
        {},
        {
            "packetization-mode": st.sampled_from([0, 1]),
            "profile-level-id": PROFILES,
            "level-asymmetry-allowed": st.sampled_from([0, 1]),
        },
    ),
    "video/vp9": fields({}, {"profile-id": st.sampled_from([0, 2, "2"])}),
    "audio/multiopus": fields({"num_streams": st.sampled_from([2, 4]), "coupled_streams": st.just(2)}, {}),
}
CODECS = {
    "audio/opus": (48000, 2),
    "audio/multiopus": (48000, 4),
    "audio/PCMU": (8000, None),
    "audio/telephone-event": (48000, None),
    "video/VP8": (90000, None),
    "video/vp9": (90000, None),
    "video/VP9": (90000, None),
    "video/H264": (90000, None),
    "video/h264": (90000, None),
    "video/theora": (90000, None),
}
"""Not AV1: ours has it, mediasoup has it from 3.16 on."""


def codec(optional: JsonObject) -> st.SearchStrategy[JsonObject]:
    def of(mime_type: str) -> st.SearchStrategy[JsonObject]:
        clock_rate, channels = CODECS[mime_type]
        return fields(
            {
                "mimeType": st.just(mime_type),
                "clockRate": st.just(clock_rate),
                "channels": st.just(channels),
                "parameters": PARAMETERS.get(mime_type.lower(), st.just({"useinbandfec": 1})),
            },
            {"rtcpFeedback": lists(FEEDBACK, 3), **optional},
        )

    return st.sampled_from(list(CODECS)).flatmap(of)


NUMBERS = st.sampled_from([0, 96, 97, 100, 101, 102, 103, 127])
CAPABILITY = codec({"preferredPayloadType": NUMBERS})
EXTENSION = st.sampled_from(list(URIS)).flatmap(
    lambda number: fields(
        {"kind": st.sampled_from(["audio", "video"]), "uri": st.just(URIS[number]), "preferredId": st.just(number)},
        {"direction": st.sampled_from(["sendrecv", "recvonly"]), "preferredEncrypt": st.booleans()},
    )
)
CAPABILITIES = fields({}, {"codecs": lists(CAPABILITY, 4), "headerExtensions": lists(EXTENSION, 4)})
ENCODING = fields(
    {},
    {
        "ssrc": st.integers(1, 2**32 - 1),
        "rid": st.sampled_from(["r0", "r1"]),
        "rtx": fields({"ssrc": st.integers(0, 2**32 - 1)}, {}),
        "dtx": st.booleans(),
        "scalabilityMode": st.sampled_from(["L1T3", "S3T3", "L3T3_KEY", "nonsense"]),
        "maxBitrate": st.sampled_from([0, 100_000, 500_000]),
    },
)


@st.composite
def sent(draw: st.DrawFn) -> JsonObject:
    """RTP parameters of a producer, mostly with an RTX codec for each of its codecs."""
    codecs = draw(lists(codec({}), 2, 1))
    rtx = []
    for number, entry in enumerate(codecs, 110):
        entry["payloadType"] = number
        apt = draw(st.sampled_from([number, number, number, 55]))
        repair = {"mimeType": "video/rtx", "clockRate": 90000, "payloadType": number + 10, "parameters": {"apt": apt}}
        rtx += [repair] if draw(st.booleans()) else []
    extension = st.sampled_from(list(URIS)).flatmap(
        lambda number: fields({"uri": st.just(URIS[number]), "id": st.just(number)}, {"encrypt": st.booleans()})
    )
    rest = draw(
        fields(
            {"encodings": lists(ENCODING, 3)},
            {
                "mid": st.just("0"),
                "headerExtensions": lists(extension, 3),
                "rtcp": fields({}, {"cname": st.just("c"), "reducedSize": st.booleans(), "mux": st.booleans()}),
            },
        )
    )
    rtcp = rest.get("rtcp")
    if isinstance(rtcp, dict) and not isinstance(rtcp.get("mux"), bool):
        rtcp.pop("mux", None)  # the reference hands on whatever it is, and we do not
    return {"codecs": codecs + rtx, **rest}


@GENERATED
@given(CAPABILITIES)
def test_capabilities_are_completed_alike(ask: Ask, caps: JsonObject) -> None:
    same(lambda: validate_rtp_capabilities(caps), lambda: ask("validateRtpCapabilities", caps)[1][0])


@GENERATED
@given(lists(CAPABILITY, 5))
def test_routers_get_the_same_capabilities(ask: Ask, media_codecs: list[JsonObject]) -> None:
    same(
        lambda: ortc.generate_router_rtp_capabilities(media_codecs),
        lambda: ask("generateRouterRtpCapabilities", media_codecs)[0],
    )


@GENERATED
@given(sent())
def test_rtp_parameters_are_completed_alike(ask: Ask, params: JsonObject) -> None:
    same(lambda: validate_rtp_parameters(params), lambda: ask("validateRtpParameters", params)[1][0])


@GENERATED
@given(st.text("LSTK_EY0123", max_size=9))
def test_scalability_modes_are_read_alike(ask: Ask, mode: str) -> None:
    same(lambda: parse_scalability_mode(mode), lambda: ask("parseScalabilityMode", mode)[0])


@GENERATED
@given(st.data())
def test_producers_and_consumers_are_negotiated_alike(ask: Ask, data: st.DataObject) -> None:
    params = data.draw(sent())
    media_codecs = [
        {**{key: value for key, value in entry.items() if key != "payloadType"}, "preferredPayloadType": None}
        for entry in params["codecs"]
        if isinstance(entry.get("mimeType"), str) and not entry["mimeType"].endswith("rtx")
    ]
    media_codecs += data.draw(lists(CAPABILITY, 1))
    try:
        their_router = ask("generateRouterRtpCapabilities", media_codecs)[0]
        their_params = ask("validateRtpParameters", params)[1][0]
    except ReferenceError:
        return  # compared by the tests above
    try:
        router = ortc.generate_router_rtp_capabilities(media_codecs)
        known = validate_rtp_parameters(params)
    except TypeError as error:
        if not STRICTER.search(str(error)):
            raise
        return
    kind: MediaKind = data.draw(st.sampled_from(["audio", "video"]))

    def matched() -> RtpParameters:
        return ortc.match_producer_codecs(known, router)

    mapping = same(
        lambda: without_chance(json_of(ortc.get_producer_rtp_parameters_mapping(matched(), router))),
        lambda: without_chance(plain(ask("getProducerRtpParametersMapping", their_params, their_router)[0])),
    )
    if mapping is None:
        return
    their_mapping, (their_matched, _) = ask("getProducerRtpParametersMapping", their_params, their_router)
    their_consumable = ask("getConsumableRtpParameters", kind, their_matched, their_router, their_mapping)[0]
    our_mapping = ortc.get_producer_rtp_parameters_mapping(matched(), router)
    consumable = ortc.get_consumable_rtp_parameters(kind, matched(), router, our_mapping)
    assert without_chance(json_of(consumable)) == without_chance(plain(their_consumable))
    whole = json_of(router)
    some = st.lists(st.sampled_from(whole["codecs"] or [{}]), unique_by=str).map(
        lambda codecs: {**whole, "codecs": codecs}
    )
    remote = data.draw(CAPABILITIES | st.just(whole) | some)
    consume_alike(ask, consumable, plain(their_consumable), remote)


def consume_alike(ask: Ask, consumable: RtpParameters, their_consumable: JsonObject, remote: JsonObject) -> None:
    try:
        their_remote = ask("validateRtpCapabilities", remote)[1][0]
    except ReferenceError:
        with pytest.raises(TypeError):
            ortc.can_consume(consumable, remote)
        return
    try:
        validate_rtp_capabilities(remote)
    except TypeError as error:
        if not STRICTER.search(str(error)):
            raise
        return
    our_remote: RtpCapabilities = validate_rtp_capabilities(remote)
    # mediasoup's own says no when an RTX codec is the first that matches, and then makes the consumer nevertheless
    if ortc.can_consume(consumable, remote) != ask("canConsume", their_consumable, remote)[0]:
        assert ortc.can_consume(consumable, remote)
        assert any(entry["mimeType"].lower().endswith("/rtx") for entry in their_remote["codecs"])
    for enable_rtx in (False, True):
        for pipe in (False, True):
            given_to_them = {
                "consumableRtpParameters": their_consumable,
                "remoteRtpCapabilities": their_remote,
                "pipe": pipe,
                "enableRtx": enable_rtx,
            }
            same(
                lambda pipe=pipe, enable_rtx=enable_rtx: without_chance(  # type: ignore[misc]
                    json_of(
                        ortc.get_consumer_rtp_parameters(
                            consumable=consumable, remote_capabilities=our_remote, pipe=pipe, enable_rtx=enable_rtx
                        )
                    ),
                    single=not pipe,
                ),
                lambda question=given_to_them, pipe=pipe: without_chance(  # type: ignore[misc]
                    plain(ask("getConsumerRtpParameters", question)[0]), single=not pipe
                ),
            )
        piped = {"consumableRtpParameters": their_consumable, "enableRtx": enable_rtx}
        assert without_chance(
            json_of(ortc.get_pipe_consumer_rtp_parameters(consumable=consumable, enable_rtx=enable_rtx))
        ) == without_chance(plain(ask("getPipeConsumerRtpParameters", piped)[0]))


def json_of(struct: object) -> JsonObject:
    value = to_json(struct)
    assert isinstance(value, dict)
    return plain(value)  # type: ignore[no-any-return]
