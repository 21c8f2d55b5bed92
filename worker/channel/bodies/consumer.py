"""Bodies of ``consumer.*``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .base import Body, Kind, RtpType
from .rtp import RtpEncodingDump, RtpParametersDump, RtpStreamDump


class SetPriorityRequest(Body, frozen=True, kw_only=True):
    """How much of the outgoing bitrate it may take before others: 1..255."""

    priority: Annotated[int, msgspec.Meta(ge=1, le=255)]


class SetPriorityResponse(Body, frozen=True, kw_only=True):
    """The priority in effect."""

    priority: int


class ConsumerDump(Body, frozen=True, kw_only=True):
    """A consumer.

    ``rtp_stream`` stands for simple, simulcast and svc, ``rtp_streams`` for pipe; the layers (-1: none) for simulcast
    and svc.
    """

    id: str
    producer_id: str
    kind: Kind
    rtp_parameters: RtpParametersDump
    type: RtpType
    consumable_rtp_encodings: list[RtpEncodingDump]
    supported_codec_payload_types: list[int]
    paused: bool
    producer_paused: bool
    priority: int
    trace_event_types: str
    rtp_stream: RtpStreamDump | None = None
    rtp_streams: list[RtpStreamDump] | None = None
    preferred_spatial_layer: int | None = None
    target_spatial_layer: int | None = None
    current_spatial_layer: int | None = None
    preferred_temporal_layer: int | None = None
    target_temporal_layer: int | None = None
    current_temporal_layer: int | None = None
