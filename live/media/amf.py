"""The values that AMF0 and AMF3 carry, and how many and how deep they may be."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from miso.live.errors import ParseError

MAX_DEPTH = 16
MAX_VALUES = 65_536

Value: TypeAlias = (
    "bool | int | float | str | bytes | Special | Date | Xml | TypedObject | Dictionary"
    " | list[Value] | dict[str, Value] | None"
)


class Special(Enum):
    """Values that only AMF has."""

    UNDEFINED = "undefined"
    UNSUPPORTED = "unsupported"


class Date(NamedTuple):
    """A point in time.

    Attributes:
        unix_ms: Milliseconds since 1970.
        zone_minutes: AMF0's time zone, which its specification reserves; 0.
    """

    unix_ms: float
    zone_minutes: int = 0


class Xml(NamedTuple):
    """A document, as text."""

    text: str


class TypedObject(NamedTuple):
    """An object of a class that both sides know by name."""

    class_name: str
    members: dict[str, Value]


class Dictionary(NamedTuple):
    """AMF3's map with keys of any type."""

    pairs: list[tuple[Value, Value]]


class EcmaArray(dict[str, Value]):
    """An array with names for indices: what onMetaData is written as."""


class Budget:
    """How many more values one message may have, those included that references repeat.

    An array that names the one before twice, and so on, would be small to send and endless to walk through.
    """

    def __init__(self, values: int = MAX_VALUES) -> None:
        self.left = values

    def take(self, count: int = 1) -> None:
        """Raises ParseError when there are more values than allowed."""
        self.left -= count
        if self.left < 0:
            raise ParseError(f"AMF message has more values than the {MAX_VALUES} allowed")


def check_depth(depth: int) -> None:
    """Raises ParseError when arrays and objects stand in each other too deeply."""
    if depth > MAX_DEPTH:
        raise ParseError(f"AMF value is {depth} levels deep, expected at most {MAX_DEPTH}")
