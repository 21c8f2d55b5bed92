"""Messages as text, and text that is no message."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.protoo.errors import MalformedMessageError
from miso.protoo.message import ErrorResponse, Message, Notification, Request, SuccessResponse, encode, parse
from tests.fuzz.targets.protoo_message import SEEDS, run

WIRE: list[tuple[Message, dict[str, object]]] = [
    (Request(7, "join", {"a": 1}), {"request": True, "id": 7, "method": "join", "data": {"a": 1}}),
    (SuccessResponse(7, [1, "x"]), {"response": True, "id": 7, "ok": True, "data": [1, "x"]}),
    (SuccessResponse(7, "text"), {"response": True, "id": 7, "ok": True, "data": "text"}),
    (ErrorResponse(7, 403, "no"), {"response": True, "id": 7, "errorCode": 403, "errorReason": "no"}),
    (Notification("newPeer", {}), {"notification": True, "method": "newPeer", "data": {}}),
]


@pytest.mark.parametrize(("message", "body"), WIRE)
def test_writes_the_fields_of_the_protocol_and_reads_them_back(message: Message, body: dict[str, object]) -> None:
    assert orjson.loads(encode(message)) == body
    assert parse(orjson.dumps(body)) == message


def test_an_error_is_a_response_whose_ok_is_not_true() -> None:
    assert parse('{"response":true,"id":1,"ok":false,"errorCode":500}') == ErrorResponse(1, 500, "")
    assert parse('{"response":true,"id":1}') == ErrorResponse(1, None, "")
    assert parse('{"response":true,"id":1,"errorCode":"x","errorReason":5}') == ErrorResponse(1, None, "")


@pytest.mark.parametrize("falsy", [None, 0, "", False])
def test_data_that_javascript_calls_false_becomes_an_empty_object(falsy: object) -> None:
    assert orjson.loads(encode(Notification("m", falsy)))["data"] == {}
    assert parse(orjson.dumps({"request": True, "id": 1, "method": "m", "data": falsy})) == Request(1, "m", {})


def test_an_empty_array_stays_an_array() -> None:
    assert parse('{"response":true,"id":1,"ok":true,"data":[]}') == SuccessResponse(1, [])


def test_request_goes_before_response_and_response_before_notification() -> None:
    assert isinstance(parse('{"notification":true,"response":{},"request":1,"id":1,"method":"m"}'), Request)
    assert isinstance(parse('{"notification":true,"response":[],"request":0,"id":1,"method":"m"}'), ErrorResponse)


def test_ids_may_be_negative_or_fractional() -> None:
    assert parse('{"request":true,"id":-2.5,"method":"m"}') == Request(-2.5, "m", {})


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "null",
        "true",
        "3",
        '"x"',
        "[]",
        "{}",
        '{"request":false}',
        '{"request":true,"id":1}',
        '{"request":true,"id":1,"method":5}',
        '{"request":true,"id":"1","method":"m"}',
        '{"request":true,"id":true,"method":"m"}',
        '{"request":true,"method":"m"}',
        '{"request":true,"id":1e999,"method":"m"}',
        '{"response":true,"ok":true}',
        '{"notification":true,"method":null}',
        '{"notification":true,"method":"\\ud800"}',
        "[" * 100_000,
        '{"notification":true,"method":"m","data":' + "[" * 100 + "]" * 100 + "}",
        b'{"notification":true,"method":"\xff"}',
    ],
)
def test_anything_else_is_malformed(frame: str | bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse(frame)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_truncation_is_understood_or_malformed(seed: bytes) -> None:
    for end in range(len(seed) + 1):
        with contextlib.suppress(MalformedMessageError):
            run(seed[:end])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["request", "response", "notification", "id", "method", "ok", "data"]), JSON))
def test_any_object_is_understood_or_malformed(body: dict[str, object]) -> None:
    try:
        text = orjson.dumps(body)
    except TypeError:  # lone surrogates, integers beyond 64 bits
        return
    with contextlib.suppress(MalformedMessageError):
        run(text)
