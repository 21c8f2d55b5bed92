"""The control chunks: each is read from a packet, and written, here.

DATA and SACK, which come all the time, are read where they are used: ``receiving/data_receiver.py`` and
``sending/data_sender.py``.

https://www.rfc-editor.org/rfc/rfc9260.html#section-3.3
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Self

from miso.worker.errors import ParseError
from miso.worker.sctp.wire.constants import FLAG_TAG_REFLECTED, Cause, ChunkType, ParameterType
from miso.worker.sctp.wire.parameters import Parameter, parse_parameters

_CHUNK = Struct("!BBH")
_INIT = Struct("!IIHHI")
_TSN = Struct("!I")

_MAX_INFORMATION_SIZE = 512  # of an error cause, bytes


def chunk(type_: int, flags: int = 0, value: bytes = b"") -> bytes:
    """A whole chunk with its padding."""
    return _CHUNK.pack(type_, flags, _CHUNK.size + len(value)) + value + bytes(-len(value) % 4)


@dataclass(frozen=True, slots=True)
class Init:
    r"""INIT and INIT ACK (RFC 9260 sections 3.3.2 and 3.3.3).

    ::

        |                         Initiate Tag                          |
        |           Advertised Receiver Window Credit (a_rwnd)          |
        |  Number of Outbound Streams   |   Number of Inbound Streams   |
        |                          Initial TSN                          |
        \              Optional/Variable-Length Parameters              \

    Attributes:
        tag: what the sender wants to see in packets to it, 1 to 2^32-1.
        a_rwnd: bytes the sender can take.
        outbound_streams: how many the sender wants to use, 1 to 65535.
        inbound_streams: how many the sender can take, 1 to 65535.
        initial_tsn: of the sender's first DATA chunk.
        parameters: all that follow.
    """

    tag: int
    a_rwnd: int
    outbound_streams: int
    inbound_streams: int
    initial_tsn: int
    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def parse(cls, data: bytes, offset: int, end: int) -> Self:
        """Raises ParseError for a value that is too short, and for what section 3.3.2 forbids (zeros)."""
        if end - offset < _INIT.size:
            raise ParseError(f"SCTP INIT is too short: have {end - offset} bytes, need {_INIT.size}")
        tag, a_rwnd, outbound, inbound, tsn = _INIT.unpack_from(data, offset)
        if not tag or not outbound or not inbound:
            raise ParseError(f"SCTP INIT has a zero: tag {tag}, {outbound} outbound, {inbound} inbound streams")
        return cls(tag, a_rwnd, outbound, inbound, tsn, tuple(parse_parameters(data, offset + _INIT.size, end)))

    def to_bytes(self, type_: ChunkType) -> bytes:
        """As an INIT or an INIT ACK."""
        fixed = _INIT.pack(self.tag, self.a_rwnd, self.outbound_streams, self.inbound_streams, self.initial_tsn)
        return chunk(type_, 0, fixed + b"".join(parameter.to_bytes() for parameter in self.parameters))

    def parameter(self, type_: ParameterType) -> bytes | None:
        """The value of the first parameter of a type."""
        return next((parameter.value for parameter in self.parameters if parameter.type == type_), None)

    @property
    def extensions(self) -> frozenset[int]:
        """Chunk types of the Supported Extensions parameter (RFC 5061 section 4.2.7)."""
        return frozenset(self.parameter(ParameterType.SUPPORTED_EXTENSIONS) or b"")

    def unrecognized(self) -> list[Parameter]:
        """What section 3.2.1 wants reported.

        Parameters after an unknown one that stops the parsing are not looked at.
        """
        reported = []
        for parameter in self.parameters:
            if parameter.type in _KNOWN_IN_INIT:
                continue
            if parameter.is_reported:
                reported.append(parameter)
            if parameter.stops_parsing:
                break
        return reported


_KNOWN_IN_INIT = frozenset(ParameterType)


def parse_tsn(data: bytes, offset: int, end: int) -> int:
    """The cumulative TSN of a SHUTDOWN. Raises ParseError when there is none."""
    if end - offset < _TSN.size:
        raise ParseError(f"SCTP SHUTDOWN is too short: have {end - offset} bytes, need {_TSN.size}")
    tsn: int = _TSN.unpack_from(data, offset)[0]
    return tsn


def shutdown_chunk(cumulative_tsn: int) -> bytes:
    """SHUTDOWN (RFC 9260 section 3.3.8)."""
    return chunk(ChunkType.SHUTDOWN, 0, _TSN.pack(cumulative_tsn))


def error_chunk(cause: Cause, information: bytes = b"", *, abort: bool = False, reflected: bool = False) -> bytes:
    """ERROR, or ABORT, with one cause; its information is cut to 512 bytes."""
    type_ = ChunkType.ABORT if abort else ChunkType.ERROR
    flags = FLAG_TAG_REFLECTED if reflected else 0
    return chunk(type_, flags, Parameter(cause, information[:_MAX_INFORMATION_SIZE]).to_bytes())


def parse_causes(data: bytes, offset: int, end: int) -> list[Parameter]:
    """The causes of an ERROR or ABORT. Raises ParseError."""
    return parse_parameters(data, offset, end)
