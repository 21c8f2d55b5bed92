"""AMF3: reads and writes the values that AMF0 switches to (Action Message Format, AMF 3, Adobe 2013)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

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
from miso.live.media.byte_reader import ByteReader

_DOUBLE = struct.Struct(">d")
_INTEGER_RANGE = range(-(1 << 28), 1 << 28)
_NUMBER_SIZES = {"i": 4, "I": 4, "d": 8}


class Marker(IntEnum):
    """The byte before each value (3.1)."""

    UNDEFINED = 0x00
    NULL = 0x01
    FALSE = 0x02
    TRUE = 0x03
    INTEGER = 0x04
    DOUBLE = 0x05
    STRING = 0x06
    XML_DOCUMENT = 0x07
    DATE = 0x08
    ARRAY = 0x09
    OBJECT = 0x0A
    XML = 0x0B
    BYTE_ARRAY = 0x0C
    VECTOR_INT = 0x0D
    VECTOR_UINT = 0x0E
    VECTOR_DOUBLE = 0x0F
    VECTOR_OBJECT = 0x10
    DICTIONARY = 0x11


class _Traits(NamedTuple):
    """What objects of a class have in common (3.12)."""

    class_name: str
    is_dynamic: bool
    names: list[str]


class Amf3Reader:
    """Reads values from ``data``, whose position it moves; has the tables that references name.

    Integers become ``int``, arrays ``list`` or, with names, :class:`~miso.live.media.amf.EcmaArray`; vectors are lists.
    """

    def __init__(self, data: ByteReader, budget: Budget) -> None:
        self._bytes = data
        self._budget = budget
        self._strings: list[str] = []
        # With the number of values in each. None is for what has begun and not ended.
        self._objects: list[tuple[Value, int] | None] = []
        self._traits: list[_Traits] = []

    def read(self, depth: int = 0) -> Value:
        """The next value, which stands in ``depth`` others.

        Raises:
            ParseError: It is cut off, unknown, too deep, or there are too many.
        """
        self._budget.take()
        marker = self._bytes.u8()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == Marker.INTEGER:
            number = self._u29()
            return number - (1 << 29) if number >> 28 else number
        if marker == Marker.DOUBLE:
            return self._double()
        if marker == Marker.STRING:
            return self._string()
        reader = self._REFERABLE.get(marker)
        if reader is None:
            raise ParseError(f"AMF3 marker is 0x{marker:02x}, expected one that a value begins with")
        header = self._u29()
        if not header & 1:
            return self._reference(header >> 1)
        number = len(self._objects)
        self._objects.append(None)
        left = self._budget.left
        value = reader(self, header >> 1, depth + 1)
        self._objects[number] = (value, left - self._budget.left + 1)
        return value

    def _reference(self, number: int) -> Value:
        known = self._objects[number] if number < len(self._objects) else None
        if known is None:
            raise ParseError(f"AMF3 reference is {number}, expected one of {len(self._objects)} finished objects")
        value, count = known
        self._budget.take(count)
        return value

    def _u29(self) -> int:
        number = 0
        for _ in range(3):
            byte = self._bytes.u8()
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                return number
        return number << 8 | self._bytes.u8()

    def _double(self) -> float:
        number: float = _DOUBLE.unpack(self._bytes.take(_DOUBLE.size))[0]
        return number

    def _string(self) -> str:
        header = self._u29()
        number = header >> 1
        if header & 1:
            text = self._bytes.text(number)
            if text:
                self._strings.append(text)
            return text
        if number >= len(self._strings):
            raise ParseError(f"AMF3 string reference is {number}, expected less than {len(self._strings)}")
        return self._strings[number]

    def _checked_count(self, count: int, size: int = 1) -> int:
        if count * size > self._bytes.left:
            raise ParseError(
                f"AMF3 array has {count} values, expected at most {self._bytes.left // size} in the message"
            )
        return count

    def _date(self, _: int, __: int) -> Date:
        return Date(self._double())

    def _xml(self, size: int, _: int) -> Xml:
        return Xml(self._bytes.text(size))

    def _byte_array(self, size: int, _: int) -> bytes:
        return self._bytes.take(size)

    def _array(self, count: int, depth: int) -> Value:
        check_depth(depth)
        named = EcmaArray()
        while name := self._string():
            named[name] = self.read(depth)
        items = [self.read(depth) for _ in range(self._checked_count(count))]
        if not named:
            return items
        named.update((str(index), item) for index, item in enumerate(items))
        return named

    def _object(self, header: int, depth: int) -> Value:
        check_depth(depth)
        traits = self._object_traits(header)
        members = {name: self.read(depth) for name in traits.names}
        if traits.is_dynamic:
            while name := self._string():
                members[name] = self.read(depth)
        return TypedObject(traits.class_name, members) if traits.class_name else members

    def _object_traits(self, header: int) -> _Traits:
        if not header & 1:
            number = header >> 1
            if number >= len(self._traits):
                raise ParseError(f"AMF3 traits reference is {number}, expected less than {len(self._traits)}")
            return self._traits[number]
        if header & 2:
            raise ParseError(f"AMF3 object of class {self._string()!r} has a form of its own, expected named members")
        class_name = self._string()
        names = [self._string() for _ in range(self._checked_count(header >> 3))]
        traits = _Traits(class_name, bool(header & 4), names)
        self._traits.append(traits)
        return traits

    def _numbers(self, count: int, form: str, depth: int) -> list[Value]:
        check_depth(depth)
        self._bytes.u8()  # whether its length is fixed
        size = _NUMBER_SIZES[form]
        self._budget.take(self._checked_count(count, size))
        return list(struct.unpack(f">{count}{form}", self._bytes.take(count * size)))

    def _vector_int(self, count: int, depth: int) -> list[Value]:
        return self._numbers(count, "i", depth)

    def _vector_uint(self, count: int, depth: int) -> list[Value]:
        return self._numbers(count, "I", depth)

    def _vector_double(self, count: int, depth: int) -> list[Value]:
        return self._numbers(count, "d", depth)

    def _vector_object(self, count: int, depth: int) -> list[Value]:
        check_depth(depth)
        self._bytes.u8()  # whether its length is fixed
        self._string()  # the class of all
        return [self.read(depth) for _ in range(self._checked_count(count))]

    def _dictionary(self, count: int, depth: int) -> Dictionary:
        check_depth(depth)
        self._bytes.u8()  # whether its keys are weak
        return Dictionary([(self.read(depth), self.read(depth)) for _ in range(self._checked_count(count, 2))])

    _REFERABLE: dict[int, Callable[[Amf3Reader, int, int], Value]] = {  # noqa: RUF012  a table, not a default
        Marker.XML_DOCUMENT: _xml,
        Marker.DATE: _date,
        Marker.ARRAY: _array,
        Marker.OBJECT: _object,
        Marker.XML: _xml,
        Marker.BYTE_ARRAY: _byte_array,
        Marker.VECTOR_INT: _vector_int,
        Marker.VECTOR_UINT: _vector_uint,
        Marker.VECTOR_DOUBLE: _vector_double,
        Marker.VECTOR_OBJECT: _vector_object,
        Marker.DICTIONARY: _dictionary,
    }


_CONSTANTS: dict[int, Value] = {
    Marker.UNDEFINED: Special.UNDEFINED,
    Marker.NULL: None,
    Marker.FALSE: False,
    Marker.TRUE: True,
}


def read_amf3(data: bytes, position: int = 0) -> list[Value]:
    """All values from ``position`` to the end; they share the tables that references name.

    Raises:
        ParseError: One of them is cut off, unknown, too deep, or there are too many.
    """
    source = ByteReader(data, "AMF3 value", position)
    reader = Amf3Reader(source, Budget())
    values = []
    while source.left:
        values.append(reader.read())
    return values


def write_amf3(*values: Value) -> bytes:
    """The values one after another, without references."""
    out = bytearray()
    for value in values:
        _write(out, value)
    return bytes(out)


def _write(out: bytearray, value: Value) -> None:
    if value is None:
        out.append(Marker.NULL)
    elif isinstance(value, bool):
        out.append(Marker.TRUE if value else Marker.FALSE)
    elif isinstance(value, int) and value in _INTEGER_RANGE:
        out.append(Marker.INTEGER)
        out += _u29(value & 0x1FFFFFFF)
    elif isinstance(value, int | float):
        out.append(Marker.DOUBLE)
        out += _DOUBLE.pack(value)
    elif isinstance(value, str):
        out.append(Marker.STRING)
        out += _sized(value.encode())
    elif isinstance(value, dict):
        _write_named(out, value)
    elif isinstance(value, list):
        out.append(Marker.ARRAY)
        out += _u29(len(value) << 1 | 1) + _sized(b"")
        for item in value:
            _write(out, item)
    else:
        _write_rare(out, value)


def _write_rare(out: bytearray, value: bytes | Special | Date | Xml | TypedObject | Dictionary) -> None:
    if isinstance(value, bytes):
        out.append(Marker.BYTE_ARRAY)
        out += _sized(value)
    elif isinstance(value, Special):
        out.append(Marker.UNDEFINED)
    elif isinstance(value, Date):
        out.append(Marker.DATE)
        out += _u29(1) + _DOUBLE.pack(value.unix_ms)
    elif isinstance(value, Xml):
        out.append(Marker.XML)
        out += _sized(value.text.encode())
    elif isinstance(value, TypedObject):
        _write_object(out, value.class_name, value.members)
    else:
        out.append(Marker.DICTIONARY)
        out += _u29(len(value.pairs) << 1 | 1) + bytes((0,))
        for key, item in value.pairs:
            _write(out, key)
            _write(out, item)


def _write_named(out: bytearray, value: dict[str, Value]) -> None:
    if not isinstance(value, EcmaArray) or "" in value:  # an empty name would end the array
        _write_object(out, "", value)
        return
    out.append(Marker.ARRAY)
    out += _u29(1)
    for name, item in value.items():
        out += _sized(name.encode())
        _write(out, item)
    out += _sized(b"")


def _write_object(out: bytearray, class_name: str, members: dict[str, Value]) -> None:
    out.append(Marker.OBJECT)
    out += _u29(len(members) << 4 | 0b0011) + _sized(class_name.encode())
    for name in members:
        out += _sized(name.encode())
    for item in members.values():
        _write(out, item)


def _sized(data: bytes) -> bytes:
    return _u29(len(data) << 1 | 1) + data


def _u29(number: int) -> bytes:
    if number < 1 << 7:
        return bytes((number,))
    if number < 1 << 14:
        return bytes((number >> 7 | 0x80, number & 0x7F))
    if number < 1 << 21:
        return bytes((number >> 14 | 0x80, number >> 7 & 0x7F | 0x80, number & 0x7F))
    return bytes((number >> 22 | 0x80, number >> 15 & 0x7F | 0x80, number >> 8 & 0x7F | 0x80, number & 0xFF))
