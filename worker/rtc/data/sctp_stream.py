"""How messages of one SCTP stream are sent: in order or not, for how long.

https://www.rfc-editor.org/rfc/rfc8831.html#section-6.1
"""

from __future__ import annotations

from dataclasses import dataclass

from miso.worker.channel.bodies.data_producer import SctpStreamDump
from miso.worker.channel.bodies.transport import SctpStreamParameters
from miso.worker.errors import BodyError


@dataclass(frozen=True, slots=True)
class SctpStream:
    """A stream and its reliability (RFC 8831 section 6.1).

    Attributes:
        id: 0 to 65534.
        ordered: Whether they arrive in order; without a limit they all arrive.
        max_packet_life_time: For how many ms a message is tried, 0 for no limit.
        max_retransmits: How often it is sent again, None for no limit.
    """

    id: int
    ordered: bool
    max_packet_life_time: int
    max_retransmits: int | None

    @classmethod
    def from_body(cls, body: SctpStreamParameters | None) -> SctpStream:
        """Raises ``BodyError`` when it is missing, has both limits, or is ordered with a limit."""
        if body is None:
            raise BodyError("missing sctpStreamParameters")
        if body.max_packet_life_time and body.max_retransmits:
            raise BodyError("cannot provide both maxPacketLifeTime and maxRetransmits")
        limited = bool(body.max_packet_life_time) or body.max_retransmits is not None
        if body.ordered and (body.max_packet_life_time or body.max_retransmits):
            raise BodyError("cannot be ordered with maxPacketLifeTime or maxRetransmits")
        return cls(
            id=body.stream_id,
            ordered=not limited if body.ordered is None else body.ordered,
            max_packet_life_time=body.max_packet_life_time or 0,
            max_retransmits=body.max_retransmits,
        )

    def dump(self) -> SctpStreamDump:
        """As data producers and data consumers show it."""
        return SctpStreamDump(
            stream_id=self.id,
            ordered=self.ordered,
            max_packet_life_time=self.max_packet_life_time or None,
            max_retransmits=self.max_retransmits or None,
        )
