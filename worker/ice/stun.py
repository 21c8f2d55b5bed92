"""STUN messages as ICE uses them: one parser, one builder, integrity and fingerprint.

RFC 8489 (STUN), RFC 8445 section 16.1 (ICE attributes), draft-thatcher-ice-renomination (NOMINATION).
"""

from __future__ import annotations

import ipaddress
import struct
import zlib
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from types import ModuleType
from typing import Final

import msgspec

from miso.worker import hmac_sha1
from miso.worker.errors import ParseError

HEADER_SIZE = 20
MAGIC_COOKIE = 0x2112A442
TRANSACTION_ID_SIZE = 12

_COOKIE_BYTES = MAGIC_COOKIE.to_bytes(4, "big")
_FINGERPRINT_XOR = 0x5354554E
_INTEGRITY_SIZE = 20  # bytes of HMAC-SHA1
_FINGERPRINT_SIZE = 4
_FIRST_OPTIONAL_ATTRIBUTE = 0x8000
_MAX_USERNAME_SIZE = 513  # bytes, RFC 8489 section 14.3: fewer than 509, RFC 8445 allows 256 + 1 + 256
_HEADER = struct.Struct("!HHI12s")
_TYPE_AND_LENGTH = struct.Struct("!HH")
_LENGTH = struct.Struct("!H")
_LENGTH_AT = 2  # in the header


@cache
def _hmac() -> ModuleType:
    """For MESSAGE-INTEGRITY-SHA256, when the first one comes: it loads the system's OpenSSL, 3 MB."""
    import hmac

    return hmac


class MessageClass(IntEnum):
    """The two class bits of the message type (RFC 8489 section 5)."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS_RESPONSE = 2
    ERROR_RESPONSE = 3


class Method(IntEnum):
    """The one method that ICE uses."""

    BINDING = 0x001


class Attribute(IntEnum):
    """Attribute types that are understood (RFC 8489 section 18.3, RFC 8445 section 20.2, and NOMINATION).

    Of the registry's comprehension-required types, 0x0000 to 0x7FFF, a Binding request to an ICE agent may carry:

    | types | in a request | why |
    |---|---|---|
    | USERNAME, MESSAGE-INTEGRITY, PRIORITY, USE-CANDIDATE | acted on | RFC 8445 section 7.1 |
    | MESSAGE-INTEGRITY-SHA256 | acted on | RFC 8489 section 9.1.3: of two integrities the stronger counts |
    | NOMINATION: 0x0030, as well as the older 0xC001 | acted on | draft-thatcher-ice-renomination |
    | REALM, NONCE, PASSWORD-ALGORITHM, USERHASH | passed over | of RFC 8489, for long-term credentials |
    | MAPPED-ADDRESS, XOR-MAPPED-ADDRESS, ERROR-CODE, UNKNOWN-ATTRIBUTES | passed over | of RFC 8489, for responses |
    | CHANGE-REQUEST, PADDING, RESPONSE-PORT | 420 | RFC 5780: ask for an answer from or to elsewhere, or a longer one |
    | CHANNEL-NUMBER 0x000C, LIFETIME, XOR-PEER-ADDRESS, DATA, XOR-RELAYED-ADDRESS, REQUESTED-ADDRESS-FAMILY, EVEN-PORT,
      REQUESTED-TRANSPORT, DONT-FRAGMENT, RESERVATION-TOKEN, CONNECTION-ID | 420 | RFC 8656, RFC 6062: TURN |
    | ACCESS-TOKEN | 420 | RFC 7635: a login that cannot be checked here |
    | RESPONSE-ADDRESS, SOURCE-ADDRESS, CHANGED-ADDRESS, PASSWORD, REFLECTED-FROM, BANDWIDTH, TIMER-VAL | 420 |
      reserved since RFC 5389 |
    | all others | 420 | not assigned |
    """

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REALM = 0x0014
    NONCE = 0x0015
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    NEW_NOMINATION = 0x0030
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A
    NOMINATION = 0xC001


class ErrorCode(IntEnum):
    """What is answered to a request (RFC 8489 section 14.8, RFC 8445 section 7.3.1.1)."""

    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    UNKNOWN_ATTRIBUTE = 420
    ROLE_CONFLICT = 487


_ERROR_REASONS: dict[int, str] = {code: code.name.replace("_", " ").title() for code in ErrorCode}

_KNOWN_TYPES = frozenset(int(attribute) for attribute in Attribute)
_CLASSES = tuple(MessageClass)

# What each check needs. A member that is looked up in its enum takes a call, and 1,000 instructions, in Python 3.11.
_USERNAME: Final = Attribute.USERNAME
_MESSAGE_INTEGRITY: Final = Attribute.MESSAGE_INTEGRITY
_MESSAGE_INTEGRITY_SHA256: Final = Attribute.MESSAGE_INTEGRITY_SHA256
_XOR_MAPPED_ADDRESS: Final = Attribute.XOR_MAPPED_ADDRESS
_PRIORITY: Final = Attribute.PRIORITY
_USE_CANDIDATE: Final = Attribute.USE_CANDIDATE
_FINGERPRINT: Final = Attribute.FINGERPRINT
_ICE_CONTROLLED: Final = Attribute.ICE_CONTROLLED
_ICE_CONTROLLING: Final = Attribute.ICE_CONTROLLING
_NOMINATION: Final = Attribute.NOMINATION
_NEW_NOMINATION: Final = Attribute.NEW_NOMINATION
_ERROR_CODE: Final = Attribute.ERROR_CODE
_UNKNOWN_ATTRIBUTES: Final = Attribute.UNKNOWN_ATTRIBUTES

_FIXED_SIZES = {
    _PRIORITY: 4,
    _USE_CANDIDATE: 0,
    _NOMINATION: 4,
    _NEW_NOMINATION: 4,
    _ICE_CONTROLLED: 8,
    _ICE_CONTROLLING: 8,
    _MESSAGE_INTEGRITY: _INTEGRITY_SIZE,
    _FINGERPRINT: _FINGERPRINT_SIZE,
}

_IPV4, _IPV6 = 1, 2  # address families
_ADDRESS_SIZES = {_IPV4: 4, _IPV6: 16}
_ADDRESS_HEAD = struct.Struct("!BBH")

_INTEGRITIES = frozenset((_MESSAGE_INTEGRITY, _MESSAGE_INTEGRITY_SHA256))
_SHA256_SIZES = range(16, 33, 4)  # RFC 8489 section 14.6: it may be cut


class StunMessage(msgspec.Struct, frozen=True):
    """A STUN message whose structure is right; nothing in it is verified yet.

    Attributes:
        data: The whole message as it came.
        message_class: Request, indication or response.
        method: 12 bits; 1 is Binding.
        transaction_id: 12 bytes.
        username: Text of USERNAME, None when absent.
        priority: 32 bits, None when absent.
        ice_controlling: The tie-breaker, 64 bits, None when absent.
        ice_controlled: The tie-breaker, 64 bits, None when absent.
        use_candidate: Whether USE-CANDIDATE is there.
        nomination: 32 bits, None when absent.
        xor_mapped_address: (ip, port), None when absent.
        error_code: 300..699, None when absent.
        error_reason: The reason phrase of ERROR-CODE.
        unknown_attributes: Listed in UNKNOWN-ATTRIBUTES.
        not_understood: Types of comprehension-required attributes that this parser does not know.
        integrity_offset: Where MESSAGE-INTEGRITY begins in ``data``, 0 when absent.
        sha256_offset: Where MESSAGE-INTEGRITY-SHA256 begins in ``data``, 0 when absent.
        fingerprint_offset: Where FINGERPRINT begins in ``data``, 0 when absent.
    """

    data: bytes
    message_class: MessageClass
    method: int
    transaction_id: bytes
    username: str | None = None
    priority: int | None = None
    ice_controlling: int | None = None
    ice_controlled: int | None = None
    use_candidate: bool = False
    nomination: int | None = None
    xor_mapped_address: tuple[str, int] | None = None
    error_code: int | None = None
    error_reason: str = ""
    unknown_attributes: tuple[int, ...] = ()
    not_understood: tuple[int, ...] = ()
    integrity_offset: int = 0
    sha256_offset: int = 0
    fingerprint_offset: int = 0

    def verify_fingerprint(self) -> bool:
        """Whether FINGERPRINT is there and right (RFC 8489 section 14.7)."""
        if not self.fingerprint_offset:
            return False
        expected = zlib.crc32(self.data[: self.fingerprint_offset]) ^ _FINGERPRINT_XOR
        start = self.fingerprint_offset + _TYPE_AND_LENGTH.size
        return int.from_bytes(self.data[start : start + _FINGERPRINT_SIZE], "big") == expected

    @property
    def has_integrity(self) -> bool:
        """Whether it says to be made with a password, by either hash."""
        return bool(self.integrity_offset or self.sha256_offset)

    def verify_integrity(self, password: str) -> bool:
        """Whether it is made with this short-term password (RFC 8489 sections 9.1.3, 14.5 and 14.6).

        Where both MESSAGE-INTEGRITY-SHA256 and MESSAGE-INTEGRITY are there, the former counts.
        """
        offset = self.sha256_offset or self.integrity_offset
        if not offset:
            return False
        size = int.from_bytes(self.data[offset + 2 : offset + 4], "big")
        start = offset + _TYPE_AND_LENGTH.size
        end = start + size
        covered = self.data[:2] + (end - HEADER_SIZE).to_bytes(2, "big") + self.data[4:offset]
        if not self.sha256_offset:
            return hmac_sha1.verify(password.encode(), covered, self.data[start:end])
        hmac = _hmac()
        signature = hmac.digest(password.encode(), covered, "sha256")[:size]
        return bool(hmac.compare_digest(signature, self.data[start:end]))


def local_username_fragment(data: bytes) -> str:
    """The receiver's username fragment: what stands before the colon in USERNAME, "" without a USERNAME.

    A USERNAME behind MESSAGE-INTEGRITY does not count (RFC 8489 section 14.5). Reads no more than it must, so that a
    flood of messages for nobody costs little.

    Raises:
        ParseError: Not a STUN message, or an attribute overruns it.
    """
    end = _check_header(data)
    position = HEADER_SIZE
    while position < end:
        kind, size = _TYPE_AND_LENGTH.unpack_from(data, position)
        position += _TYPE_AND_LENGTH.size
        if position + size > end:
            raise ParseError(
                f"STUN attribute {kind:#06x} overruns the message: have {end - position} bytes, need {size}"
            )
        if kind == _USERNAME:
            return _decode_username(data[position : position + size]).partition(":")[0]
        if kind in _INTEGRITIES:
            return ""
        position += size + 3 & ~3
    return ""


def parse(data: bytes) -> StunMessage:
    """Reads a message; integrity and fingerprint are left to the ``verify_`` methods.

    ::

         0                   1                   2                   3
        |0 0|     STUN Message Type     |         Message Length        |
        |                  Magic Cookie = 0x2112A442                    |
        |                Transaction ID (96 bits) ...                   |
        then attributes: | Type | Length | Value, padded to 32 bits |

    Of an attribute that comes twice the first counts; behind MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and
    FINGERPRINT count, behind the former only the latter (RFC 8489 sections 14, 14.5 and 14.6), and FINGERPRINT is the
    last.

    Raises:
        ParseError: The structure is wrong.
    """
    end = _check_header(data)
    message_type, _, _, transaction_id = _HEADER.unpack_from(data)
    values: dict[int, bytes] = {}
    not_understood: list[int] = []
    integrity_offset = sha256_offset = fingerprint_offset = 0
    position = HEADER_SIZE
    while position < end:
        if fingerprint_offset:
            raise ParseError(f"STUN FINGERPRINT is not the last attribute: {end - position} bytes follow")
        kind, size = _TYPE_AND_LENGTH.unpack_from(data, position)
        value_at = position + _TYPE_AND_LENGTH.size
        if value_at + size > end:
            raise ParseError(
                f"STUN attribute {kind:#06x} overruns the message: have {end - value_at} bytes, need {size}"
            )
        expected = _FIXED_SIZES.get(kind, size)
        if size != expected:
            raise ParseError(f"STUN attribute {kind:#06x} has {size} bytes, expected {expected}")
        if kind == _FINGERPRINT:
            fingerprint_offset = position
        elif sha256_offset:
            pass
        elif kind == _MESSAGE_INTEGRITY_SHA256:
            _check_sha256_size(size)
            sha256_offset = position
        elif kind == _MESSAGE_INTEGRITY:
            integrity_offset = integrity_offset or position
        elif not integrity_offset:
            if kind in _KNOWN_TYPES:
                values.setdefault(kind, data[value_at : value_at + size])
            elif kind < _FIRST_OPTIONAL_ATTRIBUTE:
                not_understood.append(kind)
        position = value_at + (size + 3 & ~3)
    message_class, method = _split_type(message_type)
    value = values.get
    priority, controlling, controlled, nomination = [
        None if number is None else int.from_bytes(number, "big")
        for number in (
            value(_PRIORITY),
            value(_ICE_CONTROLLING),
            value(_ICE_CONTROLLED),
            value(_NEW_NOMINATION, value(_NOMINATION)),
        )
    ]
    username, address, error = value(_USERNAME), value(_XOR_MAPPED_ADDRESS), value(_ERROR_CODE)
    types = value(_UNKNOWN_ATTRIBUTES)
    code, reason = (None, "") if error is None else _decode_error(error)
    return StunMessage(
        data=data,
        message_class=message_class,
        method=method,
        transaction_id=transaction_id,
        username=None if username is None else _decode_username(username),
        priority=priority,
        ice_controlling=controlling,
        ice_controlled=controlled,
        use_candidate=_USE_CANDIDATE in values,
        nomination=nomination,
        xor_mapped_address=None if address is None else _decode_address(address, transaction_id),
        error_code=code,
        error_reason=reason,
        unknown_attributes=() if types is None else _decode_types(types),
        not_understood=tuple(not_understood),
        integrity_offset=integrity_offset,
        sha256_offset=sha256_offset,
        fingerprint_offset=fingerprint_offset,
    )


def build(
    message_class: MessageClass,
    transaction_id: bytes,
    *,
    method: int = Method.BINDING,
    username: str | None = None,
    priority: int | None = None,
    ice_controlling: int | None = None,
    ice_controlled: int | None = None,
    use_candidate: bool = False,
    nomination: int | None = None,
    xor_mapped_address: tuple[str, int] | None = None,
    error_code: int | None = None,
    error_reason: str | None = None,
    unknown_attributes: Sequence[int] = (),
    password: str | None = None,
    sha256: bool = False,
    fingerprint: bool = True,
) -> bytes:
    """Makes a message; with ``password`` it gets MESSAGE-INTEGRITY, and by default FINGERPRINT.

    With ``sha256`` it gets MESSAGE-INTEGRITY-SHA256 instead: an answer has the integrity that its request had.

    Raises:
        ValueError: A value that does not fit its field.
    """
    if len(transaction_id) != TRANSACTION_ID_SIZE:
        raise ValueError(f"STUN transaction id has {len(transaction_id)} bytes, expected {TRANSACTION_ID_SIZE}")
    message = bytearray(_HEADER.pack(_join_type(message_class, method), 0, MAGIC_COOKIE, transaction_id))
    if username is not None:
        message += _encode(_USERNAME, username.encode())
    if priority is not None:
        message += _encode_integer(_PRIORITY, priority)
    if ice_controlling is not None:
        message += _encode_integer(_ICE_CONTROLLING, ice_controlling)
    if ice_controlled is not None:
        message += _encode_integer(_ICE_CONTROLLED, ice_controlled)
    if nomination is not None:
        message += _encode_integer(_NOMINATION, nomination)
    if use_candidate:
        message += _encode(_USE_CANDIDATE, b"")
    if xor_mapped_address is not None:
        message += _encode(_XOR_MAPPED_ADDRESS, _encode_address(xor_mapped_address, transaction_id))
    if error_code is not None:
        reason = _ERROR_REASONS.get(error_code, "") if error_reason is None else error_reason
        message += _encode(_ERROR_CODE, bytes((0, 0, *divmod(error_code, 100))) + reason.encode())
    if unknown_attributes:
        message += _encode(_UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown_attributes)}H", *unknown_attributes))
    if password is not None and sha256:
        _set_length(message, _TYPE_AND_LENGTH.size + _SHA256_SIZES[-1])
        message += _encode(_MESSAGE_INTEGRITY_SHA256, _hmac().digest(password.encode(), message, "sha256"))
    elif password is not None:
        _set_length(message, _TYPE_AND_LENGTH.size + _INTEGRITY_SIZE)
        message += _encode(_MESSAGE_INTEGRITY, hmac_sha1.digest(password.encode(), message))
    if fingerprint:
        _set_length(message, _TYPE_AND_LENGTH.size + _FINGERPRINT_SIZE)
        crc = zlib.crc32(message) ^ _FINGERPRINT_XOR
        message += _encode(_FINGERPRINT, crc.to_bytes(_FINGERPRINT_SIZE, "big"))
    _set_length(message)
    return bytes(message)


def _set_length(message: bytearray, more: int = 0) -> None:
    """Says in the header how long the message is, with so many bytes more."""
    _LENGTH.pack_into(message, _LENGTH_AT, len(message) - HEADER_SIZE + more)


def _split_type(message_type: int) -> tuple[MessageClass, int]:
    """Class and method, whose bits stand among each other (RFC 8489 section 5).

    ::

        |0 0|M M M M M|C|M M M|C|M M M M|
    """
    method = (message_type & 0x000F) | (message_type & 0x00E0) >> 1 | (message_type & 0x3E00) >> 2
    return _CLASSES[(message_type >> 7 & 2) | (message_type >> 4 & 1)], method


def _join_type(message_class: MessageClass, method: int) -> int:
    spread = (method & 0x000F) | (method & 0x0070) << 1 | (method & 0x0F80) << 2
    return spread | (message_class & 1) << 4 | (message_class & 2) << 7


def _check_header(data: bytes) -> int:
    """The size of the message, once its header is right."""
    have = len(data)
    if have < HEADER_SIZE:
        raise ParseError(f"STUN message is too short: have {have} bytes, need {HEADER_SIZE}")
    if data[0] > 3:
        raise ParseError(f"STUN first byte is {data[0]}, expected 0..3")
    if data[4:8] != _COOKIE_BYTES:
        raise ParseError(f"STUN magic cookie is {data[4:8].hex()}, expected {_COOKIE_BYTES.hex()}")
    size = int.from_bytes(data[2:4], "big")
    if size & 3:
        raise ParseError(f"STUN message length is {size}, expected a multiple of 4")
    if size != have - HEADER_SIZE:
        raise ParseError(f"STUN message length is {size}, expected {have - HEADER_SIZE}")
    return have


def _check_sha256_size(size: int) -> None:
    if size not in _SHA256_SIZES:
        raise ParseError(f"STUN MESSAGE-INTEGRITY-SHA256 has {size} bytes, expected 16 to 32, a multiple of 4")


def _encode(kind: int, value: bytes) -> bytes:
    return _TYPE_AND_LENGTH.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _encode_integer(kind: Attribute, number: int) -> bytes:
    size = _FIXED_SIZES[kind]
    try:
        return _encode(kind, number.to_bytes(size, "big"))
    except OverflowError as error:
        raise ValueError(f"STUN {kind.name} {number} does not fit {size} bytes") from error


def _decode_username(value: bytes) -> str:
    if len(value) > _MAX_USERNAME_SIZE:
        raise ParseError(f"STUN USERNAME has {len(value)} bytes, expected at most {_MAX_USERNAME_SIZE}")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"STUN USERNAME is not UTF-8: {value[:32]!r}") from error


def _decode_error(value: bytes) -> tuple[int, str]:
    if len(value) < 4:
        raise ParseError(f"STUN ERROR-CODE has {len(value)} bytes, expected at least 4")
    hundreds, rest = value[2] & 0x07, value[3]
    if not 3 <= hundreds <= 6 or rest > 99:
        raise ParseError(f"STUN ERROR-CODE is {hundreds}/{rest}, expected 3..6 and 0..99")
    return hundreds * 100 + rest, value[4:].decode("utf-8", "replace")


def _decode_types(value: bytes) -> tuple[int, ...]:
    if len(value) % 2:
        raise ParseError(f"STUN UNKNOWN-ATTRIBUTES has {len(value)} bytes, expected an even number")
    return struct.unpack(f"!{len(value) // 2}H", value)


def _decode_address(value: bytes, transaction_id: bytes) -> tuple[str, int]:
    """XOR-MAPPED-ADDRESS (RFC 8489 section 14.2): ``| 0 | family | x-port | x-address (4 or 16 bytes) |``."""
    size = _ADDRESS_SIZES.get(value[1]) if len(value) >= 2 else None
    if size is None:
        raise ParseError(f"STUN XOR-MAPPED-ADDRESS begins with {value[:2].hex()}, expected family 1 or 2")
    if len(value) != 4 + size:
        raise ParseError(f"STUN XOR-MAPPED-ADDRESS has {len(value)} bytes, expected {4 + size}")
    port = int.from_bytes(value[2:4], "big") ^ (MAGIC_COOKIE >> 16)
    return str(ipaddress.ip_address(_xor(value[4:], _COOKIE_BYTES + transaction_id))), port


def _encode_address(address: tuple[str, int], transaction_id: bytes) -> bytes:
    ip, port = address
    packed = _packed_ip(ip)
    family = _IPV4 if len(packed) == _ADDRESS_SIZES[_IPV4] else _IPV6
    head = _ADDRESS_HEAD.pack(0, family, port ^ (MAGIC_COOKIE >> 16))
    return head + _xor(packed, _COOKIE_BYTES + transaction_id)


def _packed_ip(ip: str) -> bytes:
    if ":" in ip:
        return ipaddress.IPv6Address(ip).packed
    packed = bytes(map(int, ip.split(".")))  # ``ipaddress`` would take 25 calls
    if len(packed) != _ADDRESS_SIZES[_IPV4]:
        raise ValueError(f"IP address is '{ip}', expected four numbers")
    return packed


def _xor(left: bytes, right: bytes) -> bytes:
    """As many bytes as ``left`` has; ``right`` has no less."""
    size = len(left)
    return (int.from_bytes(left, "big") ^ int.from_bytes(right[:size], "big")).to_bytes(size, "big")
