"""STUN messages against the RFC's vectors and against damaged bytes."""

from __future__ import annotations

import struct

import pytest

from miso.worker.errors import ParseError
from miso.worker.ice import stun
from miso.worker.ice.stun import Attribute, MessageClass, build, local_username_fragment, parse

# RFC 5769 sections 2.1 to 2.3
PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
HEADER = "2112a442b7e7a701bc34d686fa87dfae"
REQUEST = bytes.fromhex(
    "00010058" + HEADER + "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RESPONSE_V4 = bytes.fromhex(
    "0101003c" + HEADER + "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE_V6 = bytes.fromhex(
    "01010048" + HEADER + "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
COMPLETE = build(
    MessageClass.REQUEST,
    TRANSACTION_ID,
    username="abcd:wxyz",
    priority=0x7EFFFFFF,
    ice_controlling=0x0102030405060708,
    use_candidate=True,
    nomination=7,
    password="secret",
)


def raw(*attributes: tuple[int, bytes], message_type: int = 0x0001) -> bytes:
    body = b"".join(struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in attributes)
    return struct.pack("!HHI", message_type, len(body), stun.MAGIC_COOKIE) + TRANSACTION_ID + body


def test_reads_the_rfc_request() -> None:
    message = parse(REQUEST)
    assert message.message_class == MessageClass.REQUEST
    assert message.method == 1
    assert message.transaction_id == TRANSACTION_ID
    assert message.username == "evtj:h6vY"
    assert message.priority == 0x6E0001FF
    assert message.ice_controlled == 0x932FF9B151263B36
    assert message.ice_controlling is None
    assert message.verify_fingerprint()
    assert message.verify_integrity(PASSWORD)
    assert not message.verify_integrity("VOkJxbRl1RmTxUk/WvJxBu")


@pytest.mark.parametrize(
    ("data", "address"),
    [(RESPONSE_V4, ("192.0.2.1", 32853)), (RESPONSE_V6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))],
)
def test_reads_the_rfc_responses(data: bytes, address: tuple[str, int]) -> None:
    message = parse(data)
    assert message.message_class == MessageClass.SUCCESS_RESPONSE
    assert message.xor_mapped_address == address
    assert message.verify_fingerprint()
    assert message.verify_integrity(PASSWORD)


def test_builds_what_it_reads() -> None:
    message = parse(COMPLETE)
    assert message.username == "abcd:wxyz"
    assert (message.priority, message.ice_controlling) == (0x7EFFFFFF, 0x0102030405060708)
    assert (message.use_candidate, message.nomination) == (True, 7)
    assert message.verify_fingerprint()
    assert message.verify_integrity("secret")
    again = build(
        message.message_class,
        message.transaction_id,
        username=message.username,
        priority=message.priority,
        ice_controlling=message.ice_controlling,
        use_candidate=message.use_candidate,
        nomination=message.nomination,
        password="secret",
    )
    assert again == COMPLETE


@pytest.mark.parametrize("address", [("203.0.113.9", 1), ("2001:db8::1", 65535)])
def test_mapped_address_survives_the_way(address: tuple[str, int]) -> None:
    data = build(MessageClass.SUCCESS_RESPONSE, TRANSACTION_ID, xor_mapped_address=address, password=PASSWORD)
    assert parse(data).xor_mapped_address == address


def test_error_response_carries_code_reason_and_unknown_attributes() -> None:
    data = build(MessageClass.ERROR_RESPONSE, TRANSACTION_ID, error_code=420, unknown_attributes=(0x7777, 0x0001))
    message = parse(data)
    assert message.message_class == MessageClass.ERROR_RESPONSE
    assert (message.error_code, message.error_reason) == (420, "Unknown Attribute")
    assert message.unknown_attributes == (0x7777, 0x0001)


@pytest.mark.parametrize("message_class", list(MessageClass))
@pytest.mark.parametrize("method", [0x001, 0x003, 0x07F, 0x0AA, 0x0FF])
def test_class_and_method_bits_are_interleaved(message_class: MessageClass, method: int) -> None:
    message = parse(build(message_class, TRANSACTION_ID, method=method))
    assert (message.message_class, message.method) == (message_class, method)


@pytest.mark.parametrize("data", [REQUEST, RESPONSE_V4, RESPONSE_V6, COMPLETE])
def test_every_truncation_is_refused(data: bytes) -> None:
    for size in range(len(data)):
        with pytest.raises(ParseError):
            parse(data[:size])
        with pytest.raises(ParseError):
            local_username_fragment(data[:size])


@pytest.mark.parametrize("data", [REQUEST, COMPLETE])
def test_a_value_cut_short_is_refused_although_the_length_is_adapted(data: bytes) -> None:
    boundaries = {20}
    while (at := max(boundaries)) < len(data):
        boundaries.add(at + 4 + (int.from_bytes(data[at + 2 : at + 4], "big") + 3 & ~3))
    for size in range(20, len(data), 4):
        cut = data[:2] + (size - 20).to_bytes(2, "big") + data[4:size]
        if size in boundaries:
            parse(cut)
        else:
            with pytest.raises(ParseError, match="overruns the message"):
                parse(cut)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Attribute.PRIORITY, b"\0\0\0"),
        (Attribute.PRIORITY, bytes(8)),
        (Attribute.USE_CANDIDATE, b"\0"),
        (Attribute.NOMINATION, b"\0"),
        (Attribute.ICE_CONTROLLED, bytes(4)),
        (Attribute.ICE_CONTROLLING, bytes(12)),
        (Attribute.NEW_NOMINATION, b"\0"),
        (Attribute.MESSAGE_INTEGRITY, bytes(19)),
        (Attribute.MESSAGE_INTEGRITY_SHA256, bytes(12)),
        (Attribute.MESSAGE_INTEGRITY_SHA256, bytes(18)),
        (Attribute.MESSAGE_INTEGRITY_SHA256, bytes(36)),
        (Attribute.FINGERPRINT, bytes(5)),
        (Attribute.ERROR_CODE, bytes(3)),
        (Attribute.ERROR_CODE, b"\0\0\7\0"),
        (Attribute.ERROR_CODE, b"\0\0\4\x64"),
        (Attribute.UNKNOWN_ATTRIBUTES, bytes(3)),
        (Attribute.XOR_MAPPED_ADDRESS, b""),
        (Attribute.XOR_MAPPED_ADDRESS, b"\0\3" + bytes(6)),
        (Attribute.XOR_MAPPED_ADDRESS, b"\0\1" + bytes(18)),
        (Attribute.XOR_MAPPED_ADDRESS, b"\0\2" + bytes(6)),
        (Attribute.USERNAME, b"\xff\xfe"),
        (Attribute.USERNAME, b"a" * 514),
    ],
)
def test_wrong_values_are_refused(kind: int, value: bytes) -> None:
    with pytest.raises(ParseError):
        parse(raw((kind, value)))


def test_an_attribute_behind_the_fingerprint_is_refused() -> None:
    with pytest.raises(ParseError, match="not the last"):
        parse(raw((Attribute.FINGERPRINT, bytes(4)), (Attribute.SOFTWARE, b"late")))


def test_attributes_behind_the_integrity_do_not_count() -> None:
    integrity = (Attribute.MESSAGE_INTEGRITY, bytes(20))
    message = parse(raw((Attribute.PRIORITY, bytes((0, 0, 0, 1))), integrity, (Attribute.USE_CANDIDATE, b"")))
    assert message.priority == 1
    assert not message.use_candidate


def test_the_first_of_two_equal_attributes_counts() -> None:
    assert parse(raw((Attribute.USERNAME, b"first:x"), (Attribute.USERNAME, b"second:x"))).username == "first:x"


def test_required_attributes_that_nobody_knows_are_listed() -> None:
    message = parse(raw((0x7ABC, b"abc"), (0xC057, bytes(4)), (0x0002, b"")))
    assert message.not_understood == (0x7ABC, 0x0002)


def test_finds_the_username_fragment_without_reading_the_rest() -> None:
    assert local_username_fragment(REQUEST) == "evtj"
    assert local_username_fragment(raw((Attribute.SOFTWARE, b"x"), (Attribute.USERNAME, b"nocolon"))) == "nocolon"
    assert local_username_fragment(raw()) == ""


def test_a_username_behind_the_integrity_counts_for_nobody() -> None:
    data = raw((Attribute.MESSAGE_INTEGRITY, bytes(20)), (Attribute.USERNAME, b"\x80nobody reads this:"))
    assert local_username_fragment(data) == ""
    assert parse(data).username is None


@pytest.mark.parametrize("field", [{"priority": 1 << 32}, {"nomination": -1}, {"ice_controlled": 1 << 64}])
def test_values_that_do_not_fit_are_not_built(field: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        build(MessageClass.REQUEST, TRANSACTION_ID, **field)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected 12"):
        build(MessageClass.REQUEST, b"short")
