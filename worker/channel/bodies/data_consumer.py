"""Bodies of ``dataConsumer.*``."""

from __future__ import annotations

from .base import Body, DataType, UInt32
from .data_producer import SctpStreamDump


class GetBufferedAmountResponse(Body, frozen=True, kw_only=True):
    """Bytes waiting to be sent."""

    buffered_amount: int


class SetBufferedAmountLowThresholdRequest(Body, frozen=True, kw_only=True):
    """At this many waiting bytes or fewer, ``bufferedamountlow`` is sent."""

    threshold: UInt32


class DataConsumerDump(Body, frozen=True, kw_only=True):
    """A data consumer; ``sctp_stream_parameters`` for type sctp."""

    id: str
    type: DataType
    data_producer_id: str
    label: str
    protocol: str
    buffered_amount_low_threshold: int
    sctp_stream_parameters: SctpStreamDump | None = None


class DataConsumerStats(Body, frozen=True, kw_only=True):
    """What a data consumer sent; ``timestamp`` in ms of the monotonic clock."""

    type: str
    timestamp: int
    label: str
    protocol: str
    messages_sent: int
    bytes_sent: int
    buffered_amount: int
