"""Bodies of ``producer.*``."""

from __future__ import annotations

from .base import Body, Kind, RtpType
from .rtp import RtpMappingDump, RtpParametersDump, RtpStreamDump


class ProducerDump(Body, frozen=True, kw_only=True):
    """A producer; ``trace_event_types`` is a comma-separated list."""

    id: str
    kind: Kind
    rtp_parameters: RtpParametersDump
    type: RtpType
    rtp_mapping: RtpMappingDump
    rtp_streams: list[RtpStreamDump]
    paused: bool
    trace_event_types: str
