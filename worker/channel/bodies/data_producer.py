"""Bodies of ``dataProducer.*`` and of data messages."""

from __future__ import annotations

from .base import Body, DataType, UInt32


class SctpStreamDump(Body, frozen=True, kw_only=True):
    """The SCTP stream of a data producer or consumer; limits stand where they are not 0."""

    stream_id: int
    ordered: bool
    max_packet_life_time: int | None = None
    max_retransmits: int | None = None


class DataProducerDump(Body, frozen=True, kw_only=True):
    """A data producer; ``sctp_stream_parameters`` for type sctp."""

    id: str
    type: DataType
    label: str
    protocol: str
    sctp_stream_parameters: SctpStreamDump | None = None


class DataProducerStats(Body, frozen=True, kw_only=True):
    """What a data producer received; ``timestamp`` in ms of the monotonic clock."""

    type: str
    timestamp: int
    label: str
    protocol: str
    messages_received: int
    bytes_received: int


class DataMessage(Body, frozen=True, kw_only=True):
    """The SCTP payload protocol identifier of the message in the payload frame (RFC 8831 section 8)."""

    ppid: UInt32
