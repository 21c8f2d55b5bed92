"""AMF0: reads and writes the values of commands and metadata (Action Message Format, AMF 0, Adobe 2007)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum

from miso.live.errors import ParseError
from miso.live.media.amf import (
    Budget,
    Date,
    Dictionary,
    EcmaArray,
    Special,
    TypedObject,
    Value,
    Xml,
    check_depth,
)
from miso.live.media.amf3 import Amf3Reader, write_amf3
from miso.live.media.byte_reader import ByteReader

_MAX_SHORT_STRING = 0xFFFF
_DOUBLE = struct.Struct(">d")
_DATE = struct.Struct(">dh")


class Marker(IntEnum):
    """The byte before each value (2.1)."""

    NUMBER = 0x00
    BOOLEAN = 0x01
    STRING = 0x02
    OBJECT = 0x03
    MOVIE_CLIP = 0x04
    NULL = 0x05
    UNDEFINED = 0x06
    REFERENCE = 0x07
    ECMA_ARRAY = 0x08
    OBJECT_END = 0x09
    STRICT_ARRAY = 0x0A
    DATE = 0x0B
    LONG_STRING = 0x0C
    UNSUPPORTED = 0x0D
    RECORD_SET = 0x0E
    XML_DOCUMENT = 0x0F
    TYPED_OBJECT = 0x10
    AMF3 = 0x11


class Amf0Reader:
    """Reads values one after another.

    Numbers become ``float``, objects ``dict``, strict arrays ``list``. A value that a reference repeats is one object
    in Python, too; a reference to what encloses it is refused, because who walks through it would never end.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._bytes = ByteReader(data, "AMF0 value", position)
        self._budget = Budget()
        # What references may name, in the order of their beginnings, with the number of values in each. None is for
        # what has begun and not ended.
        self._complex: list[tuple[Value, int] | None] = []

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left to read."""
        return self._bytes.left == 0

    @property
    def position(self) -> int:
        """Where the next value begins."""
        return self._bytes.position

    def read(self) -> Value:
        """The next value.

        Raises:
            ParseError: It is cut off, unknown, too deep, or there are too many.
        """
        return self._value(0)

    def _value(self, depth: int) -> Value:
        self._budget.take()
        marker = self._bytes.u8()
        if (simple := _SIMPLE.get(marker)) is not None:
            return simple(self._bytes)
        if marker == Marker.AMF3:
            return Amf3Reader(self._bytes, self._budget).read(depth)
        if marker == Marker.REFERENCE:
            return self._reference()
        container = self._CONTAINERS.get(marker)
        if container is None:
            raise ParseError(f"AMF0 marker is 0x{marker:02x}, expected one that a value begins with")
        check_depth(depth + 1)
        number = len(self._complex)
        self._complex.append(None)
        left = self._budget.left
        value = container(self, depth + 1)
        self._complex[number] = (value, left - self._budget.left + 1)
        return value

    def _reference(self) -> Value:
        number = self._bytes.unsigned(2)
        known = self._complex[number] if number < len(self._complex) else None
        if known is None:
            raise ParseError(f"AMF0 reference is {number}, expected one of {len(self._complex)} finished objects")
        value, count = known
        self._budget.take(count)
        return value

    def _object(self, depth: int) -> dict[str, Value]:
        return self._members({}, depth)

    def _ecma_array(self, depth: int) -> EcmaArray:
        self._bytes.take(4)  # the count is only a hint: encoders write 0, or one too many
        array = EcmaArray()
        self._members(array, depth)
        return array

    def _typed_object(self, depth: int) -> TypedObject:
        name = _short_string(self._bytes)
        return TypedObject(name, self._members({}, depth))

    def _strict_array(self, depth: int) -> list[Value]:
        count = self._bytes.unsigned(4)
        if count > self._bytes.left:
            raise ParseError(f"AMF0 array has {count} values, expected at most {self._bytes.left} in as many bytes")
        return [self._value(depth) for _ in range(count)]

    def _members(self, members: dict[str, Value], depth: int) -> dict[str, Value]:
        while True:
            name = _short_string(self._bytes)
            if not name and self._bytes.left and self._bytes.peek() == Marker.OBJECT_END:
                self._bytes.u8()
                return members
            members[name] = self._value(depth)

    _CONTAINERS: dict[int, Callable[[Amf0Reader, int], Value]] = {  # noqa: RUF012  a table, not a default
        Marker.OBJECT: _object,
        Marker.ECMA_ARRAY: _ecma_array,
        Marker.STRICT_ARRAY: _strict_array,
        Marker.TYPED_OBJECT: _typed_object,
    }


def read_amf0(data: bytes, position: int = 0) -> list[Value]:
    """All values from ``position`` to the end.

    Raises:
        ParseError: One of them is cut off, unknown, too deep, or there are too many.
    """
    reader = Amf0Reader(data, position)
    values = []
    while not reader.is_at_end:
        values.append(reader.read())
    return values


def write_amf0(*values: Value) -> bytes:
    """The values one after another, without references.

    What AMF0 has no form for (``bytes``, :class:`~miso.live.media.amf.Dictionary`) is written as AMF3.

    Raises:
        ValueError: The name of a member is longer than 65,535 bytes.
    """
    out = bytearray()
    for value in values:
        _write(out, value)
    return bytes(out)


def _short_string(data: ByteReader) -> str:
    return data.text(data.unsigned(2))


def _date(data: ByteReader) -> Date:
    unix_ms, zone = _DATE.unpack(data.take(_DATE.size))
    return Date(unix_ms, zone)


def _number(data: ByteReader) -> float:
    number: float = _DOUBLE.unpack(data.take(_DOUBLE.size))[0]
    return number


_SIMPLE: dict[int, Callable[[ByteReader], Value]] = {
    Marker.NUMBER: _number,
    Marker.BOOLEAN: lambda data: data.u8() != 0,
    Marker.STRING: _short_string,
    Marker.NULL: lambda _: None,
    Marker.UNDEFINED: lambda _: Special.UNDEFINED,
    Marker.DATE: _date,
    Marker.LONG_STRING: lambda data: data.text(data.unsigned(4)),
    Marker.UNSUPPORTED: lambda _: Special.UNSUPPORTED,
    Marker.XML_DOCUMENT: lambda data: Xml(data.text(data.unsigned(4))),
}


def _write(out: bytearray, value: Value) -> None:
    if value is None:
        out.append(Marker.NULL)
    elif isinstance(value, bool):
        out += bytes((Marker.BOOLEAN, value))
    elif isinstance(value, int | float):
        out.append(Marker.NUMBER)
        out += _DOUBLE.pack(value)
    elif isinstance(value, str):
        _write_string(out, value)
    elif isinstance(value, EcmaArray):
        out.append(Marker.ECMA_ARRAY)
        out += len(value).to_bytes(4, "big")
        _write_members(out, value)
    elif isinstance(value, dict):
        out.append(Marker.OBJECT)
        _write_members(out, value)
    elif isinstance(value, list):
        out.append(Marker.STRICT_ARRAY)
        out += len(value).to_bytes(4, "big")
        for item in value:
            _write(out, item)
    else:
        _write_rare(out, value)


def _write_rare(out: bytearray, value: bytes | Special | Date | Xml | TypedObject | Dictionary) -> None:
    if isinstance(value, Special):
        out.append(Marker.UNDEFINED if value is Special.UNDEFINED else Marker.UNSUPPORTED)
    elif isinstance(value, Date):
        out.append(Marker.DATE)
        out += _DATE.pack(value.unix_ms, value.zone_minutes)
    elif isinstance(value, Xml):
        text = value.text.encode()
        out.append(Marker.XML_DOCUMENT)
        out += len(text).to_bytes(4, "big") + text
    elif isinstance(value, TypedObject):
        out.append(Marker.TYPED_OBJECT)
        out += _name(value.class_name)
        _write_members(out, value.members)
    else:
        out.append(Marker.AMF3)
        out += write_amf3(value)


def _write_string(out: bytearray, value: str) -> None:
    text = value.encode()
    if len(text) <= _MAX_SHORT_STRING:
        out.append(Marker.STRING)
        out += len(text).to_bytes(2, "big") + text
    else:
        out.append(Marker.LONG_STRING)
        out += len(text).to_bytes(4, "big") + text


def _write_members(out: bytearray, members: dict[str, Value]) -> None:
    for name, value in members.items():
        out += _name(name)
        _write(out, value)
    out += bytes((0, 0, Marker.OBJECT_END))


def _name(name: str) -> bytes:
    text = name.encode()
    if len(text) > _MAX_SHORT_STRING:
        raise ValueError(f"AMF0 name has {len(text)} bytes, expected at most {_MAX_SHORT_STRING}")
    return len(text).to_bytes(2, "big") + text
