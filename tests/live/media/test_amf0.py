"""AMF0: every marker from its bytes and back, and what is refused."""

from __future__ import annotations

import math

import pytest

from miso.live.errors import ParseError
from miso.live.media.amf import MAX_DEPTH, Date, Dictionary, EcmaArray, Special, TypedObject, Value, Xml
from miso.live.media.amf0 import Amf0Reader, read_amf0, write_amf0

VECTORS: list[tuple[str, Value]] = [
    ("00 3ff8000000000000", 1.5),
    ("01 01", True),
    ("01 00", False),
    ("02 0003 616263", "abc"),
    ("02 0002 c3a9", "é"),
    ("03 0001 61 05 000009", {"a": None}),
    ("03 0000 01 01 000009", {"": True}),
    ("05", None),
    ("06", Special.UNDEFINED),
    ("08 00000001 0001 61 02 0000 000009", EcmaArray({"a": ""})),
    ("0a 00000002 05 0a 00000000", [None, []]),
    ("0b 4272b2a3b1c00000 003c", Date(1284903738368.0, 60)),
    ("0b 0000000000000000 ffc4", Date(0.0, -60)),
    ("0d", Special.UNSUPPORTED),
    ("0f 00000004 3c612f3e", Xml("<a/>")),
    ("10 0001 43 0001 61 00 0000000000000000 000009", TypedObject("C", {"a": 0.0})),
    ("11 0c 05 0102", b"\1\2"),
    ("11 11 03 00 01 03", Dictionary([(None, True)])),
]
CONNECT = write_amf0(
    "connect",
    1,
    {
        "app": "live",
        "tcUrl": "rtmp://127.0.0.1/live",
        "fourCcList": ["hvc1", "av01"],
        "capsEx": 15,
        "x": EcmaArray(a=1),
    },
)


@pytest.mark.parametrize(("form", "value"), VECTORS, ids=[form for form, _ in VECTORS])
def test_reads_and_writes_every_marker(form: str, value: Value) -> None:
    data = bytes.fromhex(form)
    read = read_amf0(data)
    assert read == [value]
    assert type(read[0]) is type(value)
    assert write_amf0(value) == data


@pytest.mark.parametrize(("form", "value"), VECTORS, ids=[form for form, _ in VECTORS])
def test_refuses_every_value_that_is_cut_off(form: str, value: Value) -> None:
    data = bytes.fromhex(form)
    for size in range(1, len(data)):
        with pytest.raises(ParseError):
            read_amf0(data[:size])


def test_reads_a_command_value_by_value() -> None:
    reader = Amf0Reader(CONNECT)
    assert reader.read() == "connect"
    assert reader.read() == 1.0
    assert not reader.is_at_end
    members = reader.read()
    assert isinstance(members, dict)
    assert members["fourCcList"] == ["hvc1", "av01"]
    assert reader.is_at_end
    assert reader.position == len(CONNECT)


def test_reads_from_a_position() -> None:
    assert read_amf0(b"\0" + write_amf0("x"), 1) == ["x"]


def test_a_long_text_takes_the_long_form() -> None:
    for size, marker in ((0xFFFF, 0x02), (0x10000, 0x0C)):
        data = write_amf0("a" * size)
        assert data[0] == marker
        assert read_amf0(data) == ["a" * size]


def test_a_short_text_in_the_long_form_is_read() -> None:
    assert read_amf0(bytes.fromhex("0c 00000001 61")) == ["a"]


def test_an_array_whose_count_is_wrong_is_read_to_its_end() -> None:
    for count in ("00000000", "ffffffff"):
        assert read_amf0(bytes.fromhex(f"08 {count} 0001 61 05 000009")) == [EcmaArray(a=None)]


def test_a_number_that_is_none_survives() -> None:
    value = read_amf0(bytes.fromhex("00 7ff8000000000000"))[0]
    assert isinstance(value, float)
    assert math.isnan(value)


def test_a_reference_repeats_the_object_it_names() -> None:
    first, second = read_amf0(bytes.fromhex("03 000009 0a 00000002 07 0000 05"))
    assert second == [{}, None]
    assert isinstance(second, list)
    assert second[0] is first


def test_refuses_a_reference_to_what_encloses_it() -> None:
    with pytest.raises(ParseError, match="reference is 0"):
        read_amf0(bytes.fromhex("03 0001 61 07 0000 000009"))
    with pytest.raises(ParseError, match="reference is 5"):
        read_amf0(bytes.fromhex("07 0005"))


def test_refuses_references_that_unfold_without_end() -> None:
    doubling = b"\x0a\0\0\0\0" + b"".join(b"\x0a\0\0\0\2" + 2 * (b"\7" + n.to_bytes(2, "big")) for n in range(40))
    with pytest.raises(ParseError, match="more values"):
        read_amf0(doubling)


def nested_in_arrays(depth: int) -> bytes:
    return b"\x0a\0\0\0\1" * depth + b"\x05"


def nested_in_objects(depth: int) -> bytes:
    return b"\3\0\1a" * depth + b"\x05" + b"\0\0\x09" * depth


@pytest.mark.parametrize("nested", [nested_in_arrays, nested_in_objects])
def test_refuses_what_is_too_deep(nested: object) -> None:
    assert callable(nested)
    read_amf0(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ParseError, match="17 levels deep, expected at most 16"):
            read_amf0(nested(depth))


def test_the_depth_is_one_through_both_forms() -> None:
    in_amf3 = b"\x11" + b"\x09\x03\x01" * 2 + b"\x01"
    read_amf0(b"\x0a\0\0\0\1" * (MAX_DEPTH - 2) + in_amf3)
    with pytest.raises(ParseError, match="deep"):
        read_amf0(b"\x0a\0\0\0\1" * (MAX_DEPTH - 1) + in_amf3)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("0a ffffffff", "has 4294967295 values, expected at most 0"),
        ("0c ffffffff 61", "have 1 bytes, need 4294967295"),
        ("02 0002 61", "have 1 bytes, need 2"),
        ("02 0002 c3c3", "not UTF-8"),
        ("09", "marker is 0x09"),
        ("04", "marker is 0x04"),
        ("0e", "marker is 0x0e"),
        ("ff", "marker is 0xff"),
    ],
)
def test_says_what_is_wrong(form: str, text: str) -> None:
    with pytest.raises(ParseError, match=text):
        read_amf0(bytes.fromhex(form))


def test_a_switch_to_amf3_is_for_one_value() -> None:
    assert read_amf0(bytes.fromhex("11 04 05 05 11 06 03 61 01 01")) == [5, None, "a", True]


def test_metadata_with_an_object_in_amf3_is_read() -> None:
    metadata = write_amf0("onMetaData") + bytes.fromhex("11 0a 0b 01 0b 7769647468 04 8a00 01".replace(" ", ""))
    assert read_amf0(metadata) == ["onMetaData", {"width": 1280}]


def test_a_name_too_long_to_be_written_is_said() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        write_amf0({"a" * 0x10000: None})
