"""Commands (RTMP 1.0, 7.2): a name, a number that answers repeat, and values in AMF0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from miso.live.errors import ParseError
from miso.live.media.amf import TypedObject, Value
from miso.live.media.amf0 import Amf0Reader, write_amf0
from miso.live.rtmp.messages import Message, MessageType

MAX_VALUES: Final = 64
"""Values that one command may have; real ones have five."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or the answer to one.

    Attributes:
        name: Of what is wanted, or ``_result`` and ``_error``.
        transaction: What the answer repeats; 0: none is wanted.
        values: What stands behind it. The first is the command object, which is null in most.
        stream_id: The message stream; 0 for what concerns the connection.
    """

    name: str
    transaction: float
    values: tuple[Value, ...]
    stream_id: int

    def value(self, index: int) -> Value:
        """A value; None where there is none."""
        return self.values[index] if index < len(self.values) else None

    def text(self, index: int) -> str:
        """A value that should be text; empty where it is none."""
        value = self.value(index)
        return value if isinstance(value, str) else ""

    def members(self, index: int) -> dict[str, Value]:
        """The members of a value that should be an object; none where it is something else."""
        value = self.value(index)
        if isinstance(value, TypedObject):
            value = value.members
        return value if isinstance(value, dict) else {}


def read_command(message: Message) -> Command:
    """Reads a message of type 20, or of type 17, which has a byte before the same.

    Raises:
        ParseError: It has no name, too many values, or one that is broken.
    """
    start = 1 if message.type_id == MessageType.COMMAND_AMF3 else 0
    reader = Amf0Reader(message.body, start)
    name = reader.read()
    if not isinstance(name, str):
        raise ParseError(f"RTMP command begins with {type(name).__name__}, expected its name")
    values: list[Value] = []
    while not reader.is_at_end:
        values.append(reader.read())
        if len(values) > MAX_VALUES:
            raise ParseError(f"RTMP command has more values than the {MAX_VALUES} allowed")
    transaction = values[0] if values else None
    if isinstance(transaction, bool) or not isinstance(transaction, int | float):
        transaction = 0.0
    return Command(name, transaction, tuple(values[1:]), message.stream_id)


def make_command(name: str, transaction: float, *values: Value, stream_id: int = 0) -> Message:
    """A command as a message of type 20."""
    return Message(MessageType.COMMAND, 0, write_amf0(name, transaction, *values), stream_id)
