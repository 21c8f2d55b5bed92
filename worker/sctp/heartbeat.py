"""Heartbeats on an idle path (RFC 9260 section 8.3)."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from miso.worker.errors import ParseError
from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import ChunkType, ParameterType
from miso.worker.sctp.wire.parameters import Parameter, parse_parameters

INTERVAL_US = 30_000_000  # HB.interval

_INFO = Struct("!8sQ")


class Heartbeat:
    """One heartbeat at a time; its nonce keeps the peer from answering what was not asked.

    Attributes:
        is_waiting: one was sent and is not answered.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self.is_waiting = False
        self._random = random
        self._info = b""  # nonce and time of the last one

    def send(self, now_us: int) -> bytes:
        """A HEARTBEAT chunk."""
        self.is_waiting = True
        self._info = _INFO.pack(self._random(8), now_us)
        return chunk(ChunkType.HEARTBEAT, 0, Parameter(ParameterType.HEARTBEAT_INFO, self._info).to_bytes())

    def on_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> int:
        """The round-trip time in microseconds that the value of a HEARTBEAT ACK tells; -1 when it answers no heartbeat.

        Raises:
            ParseError: there is no whole parameter.
        """
        parameters = parse_parameters(packet, offset, end)
        if not parameters:
            raise ParseError("SCTP HEARTBEAT ACK has no heartbeat information")
        if not self.is_waiting or parameters[0].value != self._info:
            return -1
        self.is_waiting = False
        sent_us: int = _INFO.unpack(self._info)[1]
        return now_us - sent_us
