"""AMF3: every marker from its bytes and back, references, and what is refused."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError
from miso.live.media.amf import MAX_DEPTH, Date, Dictionary, EcmaArray, Special, TypedObject, Value, Xml
from miso.live.media.amf3 import read_amf3, write_amf3

VECTORS: list[tuple[str, Value]] = [
    ("00", Special.UNDEFINED),
    ("01", None),
    ("02", False),
    ("03", True),
    ("04 7f", 127),
    ("04 8100", 128),
    ("04 ff7f", 16383),
    ("04 818000", 16384),
    ("04 ffff7f", 2097151),
    ("04 80c08000", 2097152),
    ("04 bfffffff", (1 << 28) - 1),
    ("04 c0808000", -(1 << 28)),
    ("04 ffffffff", -1),
    ("05 41b0000000000000", float(1 << 28)),
    ("06 01", ""),
    ("06 05 c3a9", "é"),
    ("08 01 4272b2a3b1c00000", Date(1284903738368.0)),
    ("09 05 01 01 04 01", [None, 1]),
    ("09 01 03 61 01 01", EcmaArray(a=None)),
    ("0a 23 01 03 61 03 62 01 02", {"a": None, "b": False}),
    ("0a 13 03 43 03 61 01", TypedObject("C", {"a": None})),
    ("0b 09 3c612f3e", Xml("<a/>")),
    ("0c 05 0102", b"\1\2"),
    ("11 03 00 04 01 01", Dictionary([(1, None)])),
]
READ_ONLY: list[tuple[str, Value]] = [
    ("07 09 3c612f3e", Xml("<a/>")),
    ("09 03 03 61 01 01 02", EcmaArray({"a": None, "0": False})),
    ("0a 0b 01 03 61 01 01", {"a": None}),
    ("0a 1b 01 03 61 02 03 62 03 01", {"a": False, "b": True}),
    ("0d 05 00 ffffffff 00000001", [-1, 1]),
    ("0e 05 01 ffffffff 00000001", [4294967295, 1]),
    ("0f 03 00 3ff8000000000000", [1.5]),
    ("10 05 00 01 01 03", [None, True]),
]


@pytest.mark.parametrize(("form", "value"), VECTORS, ids=[form for form, _ in VECTORS])
def test_reads_and_writes_every_marker(form: str, value: Value) -> None:
    data = bytes.fromhex(form)
    read = read_amf3(data)
    assert read == [value]
    assert type(read[0]) is type(value)
    assert write_amf3(value) == data


@pytest.mark.parametrize(("form", "value"), VECTORS + READ_ONLY, ids=[form for form, _ in VECTORS + READ_ONLY])
def test_refuses_every_value_that_is_cut_off(form: str, value: Value) -> None:
    data = bytes.fromhex(form)
    assert read_amf3(data) == [value]
    for size in range(1, len(data)):
        with pytest.raises(ParseError):
            read_amf3(data[:size])


def test_references_name_texts_objects_and_classes() -> None:
    assert read_amf3(bytes.fromhex("06 03 61  06 00")) == ["a", "a"]
    first, second = read_amf3(bytes.fromhex("0a 13 01 03 61 01  0a 00"))
    assert first == {"a": None}
    assert first is second
    assert read_amf3(bytes.fromhex("0a 13 01 03 61 01  0a 01 03")) == [{"a": None}, {"a": True}]


def test_an_empty_text_takes_no_place_among_references() -> None:
    assert read_amf3(bytes.fromhex("06 01 06 03 61 06 00")) == ["", "a", "a"]


def test_members_with_an_empty_name_are_kept() -> None:
    values: list[Value] = [EcmaArray({"": 1, "a": 2}), {"": 1}]
    for value in values:
        assert read_amf3(write_amf3(value)) == [value]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("06 02", "string reference is 1, expected less than 0"),
        ("09 00", "reference is 0, expected one of 0"),
        ("09 03 01 09 00", "reference is 0, expected one of 1 finished"),
        ("0a 05", "traits reference is 1"),
        ("0a 07 03 43", "class 'C' has a form of its own"),
        ("09 bfffffff 01", "values, expected at most 0"),
        ("0d bfffffff 00", "values, expected at most 0"),
        ("0a f3ffffe3 01", "values, expected at most 0"),
        ("11 bfffffff 00", "values, expected at most 0"),
        ("06 03 ff", "not UTF-8"),
        ("12", "marker is 0x12"),
    ],
)
def test_says_what_is_wrong(form: str, text: str) -> None:
    with pytest.raises(ParseError, match=text):
        read_amf3(bytes.fromhex(form))


@pytest.mark.parametrize(
    ("begin", "end"),
    [("090301", ""), ("0a130103 61", ""), ("10030001", ""), ("11030001", ""), ("0a0b010361", "01"), ("09010361", "01")],
)
def test_refuses_what_is_too_deep(begin: str, end: str) -> None:
    def nested(depth: int) -> bytes:
        return bytes.fromhex(begin) * depth + b"\1" + bytes.fromhex(end) * depth

    read_amf3(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ParseError, match="17 levels deep, expected at most 16"):
            read_amf3(nested(depth))


def test_refuses_references_that_unfold_without_end() -> None:
    doubling = b"\x09\x01\x01" + b"".join(b"\x09\x05\x01" + 2 * (b"\x09" + bytes((2 * n,))) for n in range(40))
    with pytest.raises(ParseError, match="more values"):
        read_amf3(doubling)
