"""What an association tells its user."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SctpState(StrEnum):
    """States of an association as the reference worker names them."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The association is in another state.

    Attributes:
        state: the new one.
        reason: why it ended, for a log; empty when nothing went wrong.
    """

    state: SctpState
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message, in order unless it was sent unordered.

    Attributes:
        stream_id: 0 to 65534.
        ppid: payload protocol identifier (RFC 8831 section 8), 0 to 2^32-1.
        data: at least one byte, at most the maximum message size.
    """

    stream_id: int
    ppid: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BufferedAmountChanged:
    """Bytes of messages that the peer has not acknowledged yet, sent or not."""

    buffered_amount: int


@dataclass(frozen=True, slots=True)
class StreamsReset:
    """Streams begin anew: the peer did so with those it sends on (``incoming``), or it confirmed that we do.

    Attributes:
        stream_ids: ascending.
        incoming: the direction.
    """

    stream_ids: tuple[int, ...]
    incoming: bool


@dataclass(frozen=True, slots=True)
class StreamResetRefused:
    """The peer did not let us reset streams we send on, or we gave up asking."""

    stream_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutboundStreamsChanged:
    """How many streams there are to send on now."""

    count: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """The peer lost its state and began again; what was queued and all stream numbering is gone.

    RFC 9260 section 5.2.
    """


Event = (
    StateChanged
    | MessageReceived
    | BufferedAmountChanged
    | StreamsReset
    | StreamResetRefused
    | OutboundStreamsChanged
    | Restarted
)
