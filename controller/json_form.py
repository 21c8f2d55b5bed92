"""Between the typed structs of this package and the JSON that browsers and signaling servers speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


def to_json(value: object) -> JsonValue:
    """Plain data with camelCase names, ready for any JSON encoder.

    Fields that are None are left out, all others stand, those that equal their default too.

    Args:
        value: A struct of this package, a list or dict of such, or plain data.
    """
    if isinstance(value, msgspec.Struct):
        return {
            name: to_json(field)
            for name, attribute in zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            if (field := getattr(value, attribute)) is not None
        }
    if isinstance(value, Mapping):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_json(entry) for entry in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_json(kind: type[T], value: object) -> T:
    """Plain data with camelCase names, as its struct; a struct of that kind is passed through.

    Raises:
        TypeError: The data is not of that shape; says which field is wrong.
    """
    if isinstance(value, kind):
        return value
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise TypeError(f"invalid {kind.__name__}: {error}") from error
