"""Transport-wide congestion control feedback as it is received (draft-holmer-rmcat-transport-wide-cc-extensions-01).

``miso.worker.bwe.transport_feedback`` builds it.
"""

from __future__ import annotations

from dataclasses import dataclass

from miso.worker.errors import ParseError
from miso.worker.rtcp.arrivals import PROBLEMS, ArrivalReader
from miso.worker.rtcp.wire import read32

_reader = ArrivalReader()


@dataclass(frozen=True, slots=True)
class TransportWideFeedback:
    """What a receiver got of our packets, and when.

    Attributes:
        sender_ssrc: Of the receiver.
        media_ssrc: A stream's.
        body: All that follows the RTCP header, checked; the estimator reads it again without making objects.
    """

    sender_ssrc: int
    media_ssrc: int
    body: bytes

    @property
    def base_sequence(self) -> int:
        """First transport-wide sequence number that is reported on."""
        return int.from_bytes(self.body[8:10], "big")

    @property
    def status_count(self) -> int:
        """How many numbers are reported on; those not among ``arrivals`` did not arrive."""
        return int.from_bytes(self.body[10:12], "big")

    @property
    def feedback_count(self) -> int:
        """Of this packet, modulo 256."""
        return self.body[15]

    @property
    def fraction_lost(self) -> float:
        """Of the numbers reported on, 0.0 to 1.0."""
        _read(self.body)
        return 1.0 - _reader.count / _reader.status_count

    @property
    def arrivals(self) -> tuple[tuple[int, int], ...]:
        """(Sequence number 0 to 65535, arrival in the receiver's time in units of 250 µs), in the order of the numbers.

        The time is that of a 24-bit clock of 64 ms units, signed, plus the deltas.
        """
        _read(self.body)
        base = self.base_sequence
        return tuple(((base + _reader.position(index)) & 0xFFFF, _reader.tick(index)) for index in range(_reader.count))


def parse_transport_wide(body: bytes) -> TransportWideFeedback:
    """Reads the body of a packet of type 205, format 15.

    Raises:
        ParseError: Chunks or deltas overrun the packet, a status symbol is reserved, or there are more arrivals than
            any receiver reports in one packet (2048).
    """
    _read(body)
    return TransportWideFeedback(read32(body, 0), read32(body, 4), body)


def _read(body: bytes) -> None:
    problem = _reader.read(body, len(body))
    if problem:
        raise ParseError(PROBLEMS[problem].format(have=len(body)))
