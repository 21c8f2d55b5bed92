r"""Parameters and error causes: type, length, value (RFC 9260 section 3.2.1).

::

    |          Parameter Type       |       Parameter Length        |
    \                       Parameter Value                         \
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

from miso.worker.errors import ParseError
from miso.worker.sctp.wire.fields import padded

_HEADER = Struct("!HH")

# The highest bits of a type, for whoever does not know it
_READ_ON = 0x8000
_REPORT = 0x4000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, or one error cause, which has the same shape."""

    type: int
    value: bytes

    @property
    def size(self) -> int:
        """Bytes, without the padding."""
        return _HEADER.size + len(self.value)

    def to_bytes(self) -> bytes:
        """With its padding to a multiple of four bytes."""
        return _HEADER.pack(self.type, self.size) + self.value + bytes(-self.size % 4)

    @property
    def stops_parsing(self) -> bool:
        """Whether whoever does not know the type must not look at what follows (highest bit of the type is 0)."""
        return not self.type & _READ_ON

    @property
    def is_reported(self) -> bool:
        """Whether whoever does not know the type reports it (second highest bit of the type is 1)."""
        return bool(self.type & _REPORT)


def parse_parameters(data: bytes, offset: int, end: int) -> list[Parameter]:
    """Reads parameters from ``offset`` to ``end``; the last one's padding may be missing.

    Raises:
        ParseError: one overruns, or its length is below 4.
    """
    parameters = []
    while offset < end:
        if end - offset < _HEADER.size:
            raise ParseError(f"SCTP parameter header overruns the chunk: have {end - offset} bytes, need 4")
        type_, length = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            raise ParseError(f"SCTP parameter length is {length}, expected at least 4")
        if length > end - offset:
            raise ParseError(f"SCTP parameter overruns the chunk: have {end - offset} bytes, need {length}")
        parameters.append(Parameter(type_, data[offset + _HEADER.size : offset + length]))
        offset += padded(length)
    return parameters


def joined(parameters: Iterable[Parameter]) -> bytes:
    """Parameters as they stand in a chunk."""
    return b"".join([parameter.to_bytes() for parameter in parameters])
